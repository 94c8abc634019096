using CsCheck;
using Granary.Core;
using Granary.Core.Links;
using Granary.Silo.Queues;
using Granary.Testing.Walks;

namespace Granary.Silo.Tests.Queues;

/// <summary>Links over a network that loses, doubles and reorders packets both ways: what was sent arrives once and in order all the same.</summary>
public sealed class LossyLinkTests
{
    /// <summary>So many messages, and where the numbers begin that say what the network does.</summary>
    [Fact]
    public void EveryMessage_ArrivesOnceAndInOrder() =>
        Gen.Select(Gen.Int[1, 800], Gen.Int[0, int.MaxValue]).Walk(walk => Check(walk.Item1, walk.Item2), count: 30);

    private static void Check(int messages, int seed)
    {
        var network = new Network(seed);
        var publisher = network.Open();
        var consumer = network.Open();
        consumer.Queue(new AttachItem(1, "t", false, false, 20, false, default, new Window(long.MaxValue, long.MaxValue)));
        var settled = 0;
        for (var step = 0; publisher.Published < messages || consumer.Given.Count < messages; step++)
        {
            Assert.True(step < 400_000, $"Stuck at {publisher.Published} published, {consumer.Given.Count} given.");
            if (publisher.NextId < messages && network.Random.Next(10) == 0)
            {
                var count = Math.Min(messages - (int)publisher.NextId, network.Random.Next(1, 5));
                publisher.Publish(count);
            }

            if (consumer.Given.Count > settled && network.Random.Next(5) == 0)
            {
                consumer.Queue(new SettleItem(Settlement.Ack, [new OffsetRange(settled, consumer.Given.Count - settled)]));
                settled = consumer.Given.Count;
            }

            network.Step();
        }

        Assert.Equal(Enumerable.Range(0, messages).Select(i => (long)i), consumer.Given);
        Assert.Equal(messages, publisher.Watermark);
    }

    private sealed class Network(int seed)
    {
        private readonly List<Action> _underWay = [];
        private readonly Dictionary<LinkId, LossyLink> _links = [];
        private readonly QueueSlot _slot = Declared();
        private long _now;
        private long _lastTick;

        public Random Random { get; } = new(seed);

        public LossyLink Open()
        {
            var link = new LossyLink(this);
            _links.Add(link.Id, link);
            link.Queue();
            return link;
        }

        public void Step()
        {
            _now += Random.Next(20);
            if (_now - _lastTick > 1_000)
            {
                _lastTick = _now;
                _slot.Tick(_now);
                Push();
                foreach (var link in _links.Values)
                {
                    link.Tick();
                }
            }

            if (_underWay.Count > 0)
            {
                var index = Random.Next(_underWay.Count);
                var arrive = _underWay[index];
                _underWay.RemoveAt(index);
                arrive();
            }
        }

        public void Send(LinkUp packet) => Carry(() =>
        {
            var answer = _slot.Send(packet, _now);
            Push();
            Carry(() => _links[packet.Link].Answered(answer));
        });

        private static QueueSlot Declared()
        {
            var slot = new QueueSlot("/", "q", 1);
            slot.Declare(TestGateway.Declaration(default), Guid.NewGuid(), 0);
            return slot;
        }

        private void Push()
        {
            foreach (var (_, packet, _) in _slot.Pushes)
            {
                Carry(() => _links[packet.Link].Receive(packet));
            }

            _slot.Pushes.Clear();
        }

        private void Carry(Action arrive)
        {
            for (var copies = Random.Next(10) switch { 0 => 0, 1 => 2, _ => 1 }; copies > 0; copies--)
            {
                _underWay.Add(arrive);
            }
        }
    }

    private sealed class LossyLink(Network network) : ILinkObserver
    {
        private readonly List<LinkUp> _unanswered = [];
        private readonly SortedDictionary<long, LinkDown> _early = [];
        private readonly Queue<int> _batches = [];
        private long _sent;
        private long _received;

        public LinkId Id { get; } = LinkId.New();

        public long NextId { get; private set; }

        public long Published { get; private set; }

        public long Watermark { get; private set; }

        public List<long> Given { get; } = [];

        public void Publish(int count)
        {
            _batches.Enqueue(count);
            NextId += count;
            Queue(new PublishItem(Batches.Of(NextId - count, count), false));
        }

        public void Queue(params LinkUpItem[] items)
        {
            var packet = new LinkUp
            {
                Link = Id,
                Number = ++_sent,
                ReceivedThrough = _received,
                Items = items,
                Open = _sent == 1 ? new LinkOpen(default(ConnectionId), this, SessionId.New(), default, 1) : null,
            };
            _unanswered.Add(packet);
            network.Send(packet);
        }

        public void Tick()
        {
            foreach (var packet in _unanswered)
            {
                network.Send(packet);
            }

            if (_unanswered.Count == 0)
            {
                network.Send(new LinkUp { Link = Id, Number = 0, ReceivedThrough = _received });
            }
        }

        public void Answered(LinkAnswer answer)
        {
            _unanswered.RemoveAll(packet => packet.Number <= answer.ReceivedThrough);
            foreach (var down in answer.Downs ?? [])
            {
                Receive(down);
            }
        }

        public void Receive(LinkDown packet)
        {
            if (packet.Number > _received)
            {
                _early[packet.Number] = packet;
            }

            while (_early.Remove(_received + 1, out var next))
            {
                _received++;
                Watermark = next.Watermark;
                foreach (var item in next.Items)
                {
                    Apply(item);
                }
            }
        }

        public Task ReceiveAsync(LinkDown down) => throw new InvalidOperationException("Only grains push to observers.");

        private void Apply(LinkDownItem item)
        {
            switch (item)
            {
                case PublishedItem published:
                    Assert.Equal(Published, published.FirstOffset);
                    Published += _batches.Dequeue();
                    break;
                case DeliveryItem delivery:
                    Given.AddRange(delivery.Slices.SelectMany(slice => Batches.Ids(slice)));
                    Assert.All(delivery.Slices, slice => Assert.False(slice.Redelivered));
                    break;
                case EndedItem or ClosedItem:
                    Assert.Fail("The link ended.");
                    break;
            }
        }
    }
}
