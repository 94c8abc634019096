using System.Diagnostics;
using System.Globalization;
using CsCheck;
using Granary.Core;
using Granary.Core.Links;
using Granary.Gateway.Links;
using Granary.Gateway.Tests.Fakes;
using Granary.Testing.Logs;
using Granary.Testing.Walks;

namespace Granary.Gateway.Tests.Links;

/// <summary>Links to queues that come and go, over a network that loses, repeats and reorders.</summary>
public sealed class LinkWalkTests
{
    [Fact]
    public void Publish_UnkindNetwork_EveryRunIsSettledOnceAndTruthfully()
    {
        var forgotten = 0;
        Gen.Select(Gen.Bool, LinkStep.Any.Array[1, 3_000]).Walk(
            walk => forgotten += Run(new Walk(deletes: walk.Item1), walk.Item2), count: 40, print: walk => $"deletes {walk.Item1}: {string.Join(", ", walk.Item2.AsEnumerable())}", seconds: 60);

        // Some link had no call that failed, or else the queues' check of what comes after the last packet was none.
        Assert.NotEqual(0, forgotten);
    }

    /// <summary>With activations that end in the middle: what is not durable is gone with them, and what is, is known to the next one.</summary>
    [Fact]
    public void Publish_ActivationsThatAreLost_EveryRunIsSettledOnceAndNothingIsLostOrDoubled() => LinkStep.Any.Array[1, 3_000].Walk(
        steps => Run(new Walk(deletes: false, loses: true), steps), count: 40, print: steps => string.Join(", ", steps.AsEnumerable()), seconds: 60);

    // On the thread pool, where what awaits an answer runs before the answer returns.
    private static int Run(Walk walk, LinkStep[] steps) => Task.Run(() => walk.RunAsync(steps)).GetAwaiter().GetResult();

    private sealed class Walk : IPublishOwner
    {
        private static readonly TimeSpan Patience = TimeSpan.FromSeconds(20);

        private readonly bool _deletes;
        private readonly bool _loses;
        private readonly FakeClock _clock = new();
        private readonly WatchedLog _watched = new();
        private readonly Dictionary<string, LossyQueue> _queues = [];
        private readonly Dictionary<PublishRun, string[]> _runs = [];
        private readonly HashSet<PublishRun> _settled = [];
        private readonly List<PublishRun> _lost = [];
        private readonly List<QueueSession> _held = [];
        private readonly LinkSet _set;
        private readonly HashSet<string> _untracked = [];
        private readonly Dictionary<string, FakeConsumer> _consumers = [];
        private int _lastId;

        // Of the present step.
        private Random _random = new(0);

        public Walk(bool deletes, bool loses = false)
        {
            _loses = loses;
            _deletes = deletes;
            LinkSet? set = null;
            var grains = new FakeGrains(name => _queues[name] = new LossyQueue(() => _random, () => set!));
            _set = set = new LinkSet(grains.Factory, local: null, ConnectionId.New(), "/", _clock, _watched.LoggerOf<LinkSet>());
        }

        public void OnPublished(PublishRun run) => Check(_settled.Add(run), "a run was settled twice");

        public void OnUnroutable(PublishRun run) => throw new NotSupportedException();

        public void OnLost(PublishRun run) => _lost.Add(run);

        /// <summary>How many links were allowed to be forgotten.</summary>
        public async Task<int> RunAsync(LinkStep[] steps)
        {
            foreach (var step in steps)
            {
                _random = new Random(step.Seed);
                Step(step.Act);
            }

            await SettleAsync();
            Check(_lost.Count == 0, $"{_lost.Count} runs were given up");
            Check(_runs.Count == _settled.Count, $"of {_runs.Count} runs were not settled: {string.Join("; ", _runs.Where(run => !_settled.Contains(run.Key)).Select(run => $"{string.Join(' ', Messages.Bodies(run.Key.Batch))} to {string.Join(' ', run.Value)}"))}");
            Check(_set.Unaccepted == 0, $"{_set.Unaccepted} bytes are unaccepted");
            Check(_set.Unpassed == 0, $"{_set.Unpassed} bytes are not passed");
            foreach (var (name, queue) in _queues)
            {
                var ids = queue.Enqueued.Select(body => int.Parse(body, CultureInfo.InvariantCulture)).ToArray();
                Check(ids.Zip(ids.Skip(1)).All(pair => pair.First < pair.Second), $"{name} got messages twice or out of order");
                Check(queue.LivingLinks == 0, $"{name} was left with a link");
                Check(!_loses || ids.Length == ids.Distinct().Count(), $"{name} has messages twice");
            }

            foreach (var (run, targets) in _runs)
            {
                CheckOutcome(run, targets);
            }

            _watched.Check();

            foreach (var (name, consumer) in _consumers)
            {
                var received = consumer.Events.Where(text => text.Contains(": ", StringComparison.Ordinal)).SelectMany(text => text.Split(": ")[1].Split(' '));
                var expected = Enumerable.Range(0, _queues[name].Delivered).Select(number => $"{number}");
                Check(received.SequenceEqual(expected), $"{name} delivered {_queues[name].Delivered}, received {string.Join(' ', received)}");
            }

            if (!_deletes)
            {
                var all = _queues.Values.SelectMany(queue => queue.Enqueued.Concat(queue.Refused)).ToHashSet();
                Check(_untracked.IsSubsetOf(all), "untracked messages were lost");
            }

            return _queues.Values.Sum(queue => queue.ForgottenLinks);
        }

        private void CheckOutcome(PublishRun run, string[] targets)
        {
            var bodies = Messages.Bodies(run.Batch);
            var there = targets.Select(name => _queues[name]).Select(queue => bodies.All(body => queue.Enqueued.Contains(body) || queue.Refused.Contains(body)));
            var any = targets.Select(name => _queues[name]).Any(queue => bodies.Any(body => queue.Enqueued.Contains(body) || queue.Refused.Contains(body)));
            // Where activations are lost each message that was not refused has to be there, see below.
            Check(_loses || !run.WasRouted || there.Any(complete => complete), $"{string.Join(' ', bodies)} was confirmed and is nowhere");

            // A deleted queue took with it what it had not answered: only there may a run be unrouted that had been enqueued.
            Check(run.WasRouted || _deletes || !any, $"{string.Join(' ', bodies)} was unrouted and is there");
            Check(run.WasRouted || _deletes, $"{string.Join(' ', bodies)} was unrouted although no queue was ever deleted");
            for (var i = 0; i < bodies.Length; i++)
            {
                var refused = targets.Any(name => _queues[name].Refused.Contains(bodies[i]));
                var isThere = targets.All(name => _queues[name].Enqueued.Contains(bodies[i]));
                Check(_deletes || (_loses ? run.IsRefused(i) || isThere : run.IsRefused(i) == refused), $"{bodies[i]} was refused or not");
            }
        }

        private void Step(LinkAct act)
        {
            switch (act)
            {
                case LinkAct.Publish:
                    Publish();
                    break;
                case LinkAct.Flush:
                    lock (_set.Gate)
                    {
                        _set.Flush();
                    }

                    break;
                case LinkAct.Pass:
                    _clock.Advance(_random.Next(40) == 0 ? TimeSpan.FromSeconds(61) : TimeSpan.FromMilliseconds(_random.Next(600)));
                    _set.Tick();
                    break;
                case LinkAct.Sync when _queues.Count > 0:
                    AnyQueue().Sync();
                    break;
                case LinkAct.Resend when _queues.Count > 0 && _random.Next(4) == 0:
                    AnyQueue().Resend();
                    break;
                case LinkAct.DeleteOrDeclare when _deletes && _queues.Count > 0 && _random.Next(3) == 0:
                    var queue = AnyQueue();
                    if (queue.Exists)
                    {
                        queue.Delete();
                    }
                    else
                    {
                        queue.Declare();
                    }

                    break;
                case LinkAct.Consume when !_deletes && _queues.Count > 0:
                    Consume();
                    break;
                case LinkAct.EndActivation when _loses && _queues.Count > 0 && _random.Next(4) == 0:
                    AnyQueue().EndActivation();
                    break;
                default:
                    if (_queues.Count > 0)
                    {
                        AnyQueue().Move(unkind: true);
                    }

                    break;
            }
        }

        // One consumer without acknowledgement on each queue; links that deliver are not idle.
        private void Consume()
        {
            var (name, queue) = _queues.ElementAt(_random.Next(_queues.Count));
            if (_consumers.ContainsKey(name))
            {
                queue.Deliver(_random.Next(1, 4));
                return;
            }

            lock (_set.Gate)
            {
                _consumers.Add(name, new FakeConsumer(noAck: true));
                _set.Open(name).Attach(_consumers[name], exclusive: false, prefetch: 0, shared: false, EncodedTable.Empty);
                _set.Flush();
            }
        }

        private void Publish()
        {
            lock (_set.Gate)
            {
                string[] targets = _random.Next(4) == 0 ? ["a", "b"] : [_random.Next(2) == 0 ? "a" : "b"];
                var bodies = Enumerable.Range(0, _random.Next(1, 4)).Select(_ => $"{++_lastId}").ToArray();
                var batch = Messages.Batch(bodies);
                PublishRun? run = null;
                if (_random.Next(4) > 0)
                {
                    run = new PublishRun(this, 1, batch, mandatory: false, targets.Length);
                    _runs.Add(run, targets);
                }
                else
                {
                    _untracked.UnionWith(bodies);
                }

                foreach (var target in targets)
                {
                    // As a transaction does, which may hold a link for longer than it lives.
                    var link = _random.Next(10) == 0 && _held.Find(held => held.QueueName == target) is { } held ? held : _set.Open(target);
                    link.Publish(batch, run);
                    if (_random.Next(10) == 0)
                    {
                        _held.RemoveAll(held => held.QueueName == target);
                        _held.Add(link);
                    }
                }

                if (_random.Next(2) == 0)
                {
                    _set.Flush();
                }
            }
        }

        // From now on the network is kind and queues stay as they are.
        private async Task SettleAsync()
        {
            Task? closed = null;
            var since = Stopwatch.StartNew();
            for (var round = 0; round < 1000 || since.Elapsed < Patience; round++)
            {
                _clock.Advance(TimeSpan.FromMilliseconds(1100));
                _set.Tick();
                for (var i = 0; i < 1000 && !_queues.Values.All(queue => queue.IsQuiet); i++)
                {
                    AnyQueue().Move(unkind: false);
                }

                foreach (var queue in _queues.Values)
                {
                    queue.Sync();
                    queue.Resend();
                }

                if (round == 20)
                {
                    closed = _set.CloseAsync();
                }

                if (closed is null)
                {
                    continue;
                }

                // Closing goes on elsewhere on the pool, whenever that gets to it.
                await Task.WhenAny(closed, Task.Delay(1));
                if (closed.IsCompleted)
                {
                    await closed;
                    return;
                }
            }

            Check(false, "the links were not closed");
        }

        private LossyQueue AnyQueue() => _queues.Values.ElementAt(_random.Next(_queues.Count));

        private static void Check(bool holds, string otherwise) => Assert.True(holds, otherwise);
    }
}
