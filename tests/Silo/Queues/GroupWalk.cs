using Granary.Core.Links;

namespace Granary.Silo.Tests.Queues;

/// <summary>Publishers and consumers of a queue with groups, at random; what they are given is looked at message by message.</summary>
internal sealed class GroupWalk(int seed, TestGateway gateway, Func<string?[], PublishItem> publish)
{
    private const int Groups = 4;

    private readonly Random _random = new(seed);
    private readonly List<string> _groups = [];
    private readonly HashSet<long> _gone = [];
    private readonly Dictionary<long, (TestLink Link, int Consumer)> _out = [];
    private readonly TestLink[] _links = [gateway.Open(), gateway.Open()];
    private readonly Dictionary<int, TestLink> _consumers = [];
    private readonly Dictionary<TestLink, int> _seen = [];
    private int _lastConsumer;

    public void Run(int steps)
    {
        for (var i = 0; i < steps; i++)
        {
            Step();
            Look();
        }

        // Somebody who takes all ends it.
        Attach(_links[0], prefetch: 0);
        Look();
        while (_out.Count > 0)
        {
            foreach (var (id, (link, _)) in _out.ToArray())
            {
                Settle(link, Settlement.Ack, id);
                Look();
            }
        }

        Assert.Equal((0L, _groups.Count), (gateway.Queue.ReadyCount, _gone.Count));
    }

    private void Step()
    {
        var link = _links[_random.Next(2)];
        switch (_random.Next(8))
        {
            case < 3:
                string[] some = [.. Enumerable.Range(0, _random.Next(1, 8)).Select(_ => $"{_random.Next(Groups)}")];
                _groups.AddRange(some);
                link.Send(publish(some));
                break;
            case 3 when _consumers.Count < 4:
                Attach(link, _random.Next(1, 4));
                break;
            case 4 when _consumers.Count > 0:
                var (consumer, owner) = _consumers.ElementAt(_random.Next(_consumers.Count));
                _consumers.Remove(consumer);
                owner.Send(new DetachItem(consumer));
                break;
            case > 4 when _out.Count > 0:
                var (id, (holder, _)) = _out.ElementAt(_random.Next(_out.Count));
                Settle(holder, _random.Next(4) == 0 ? Settlement.Requeue : Settlement.Ack, id);
                break;
        }
    }

    private void Attach(TestLink link, int prefetch)
    {
        _consumers.Add(++_lastConsumer, link);
        link.Attach(_lastConsumer, prefetch: prefetch);
    }

    private void Settle(TestLink link, Settlement settlement, long id)
    {
        _out.Remove(id);
        if (settlement == Settlement.Ack)
        {
            _gone.Add(id);
        }

        link.Settle(settlement, (id, 1));
    }

    private void Look()
    {
        foreach (var link in _links)
        {
            foreach (var item in link.Items.Skip(_seen.GetValueOrDefault(link)).OfType<DeliveryItem>())
            {
                foreach (var id in item.Slices.SelectMany(Batches.Ids))
                {
                    var group = _groups[(int)id];
                    Assert.True(_out.TryAdd(id, (link, item.Consumer)), $"Seed {seed}: {id} is at two consumers.");
                    Assert.All(_out.Where(held => _groups[(int)held.Key] == group), held => Assert.Equal((seed, link, item.Consumer), (seed, held.Value.Link, held.Value.Consumer)));
                    Assert.All(
                        Enumerable.Range(0, (int)id).Where(before => _groups[before] == group),
                        before => Assert.True(_gone.Contains(before) || _out.ContainsKey(before), $"Seed {seed}: {id} overtook {before}."));
                }
            }

            _seen[link] = link.Items.Count;
        }
    }
}
