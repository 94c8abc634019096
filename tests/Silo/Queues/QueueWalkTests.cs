using Granary.Core.Links;
using Granary.Silo.Queues;
using Granary.Silo.Storage;
using Granary.Silo.Tests.Storage;
using Granary.Testing.Logs;

namespace Granary.Silo.Tests.Queues;

/// <summary>Thousands of random operations on a queue, each checked against <see cref="QueueModel"/>. A failing seed can be run again by itself.</summary>
public sealed class QueueWalkTests
{
    public static TheoryData<int> Seeds => [.. Enumerable.Range(1, 20)];

    public static TheoryData<int> FewSeeds => [.. Enumerable.Range(1, 8)];

    [Theory]
    [MemberData(nameof(Seeds))]
    public void RandomOperations_LeaveTheQueueAsTheModelSays(int seed)
    {
        var walk = new Walk(seed);
        for (var step = 0; step < 1_500; step++)
        {
            walk.Step();
        }

        walk.Finish();
    }

    /// <summary>With so little memory that nearly all of the queue is in the store nearly all of the time.</summary>
    [Theory]
    [MemberData(nameof(FewSeeds))]
    public async Task RandomOperations_OnAPagedQueue_LeaveItAsTheModelSays(int seed)
    {
        foreach (var isDurable in new[] { false, true })
        {
            var store = new FakeStore();
            var watched = new WatchedLog();
            await using var commit = new GroupCommit(store, watched.LoggerOf<GroupCommit>(), _ => { });
            var gateway = new TestGateway(new QueueStores(commit, commit, new MemoryBudget(2_000, long.MaxValue))).Declare(durable: isDurable);
            var identity = gateway.Queue.Storage!.Journal.Queue.Identity;
            var walk = new Walk(seed, gateway);
            for (var step = 0; step < 400; step++)
            {
                walk.Step();
            }

            walk.Finish();
            Assert.True(store.Written > 0);
            Assert.Empty(store.Offsets(identity));
            watched.Check();
        }
    }

    private sealed class Walk(int seed, TestGateway? paged = null)
    {
        private readonly Random _random = new(seed);
        private readonly TestGateway _gateway = paged ?? new TestGateway().Declare();
        private readonly QueueModel _model = new();
        private readonly List<TestLink> _links = [];
        private readonly Dictionary<TestLink, int> _seen = [];
        private int _consumers;

        public void Step()
        {
            if (_links.Count == 0 || (_links.Count < 5 && _random.Next(100) == 0))
            {
                var opened = _gateway.Open();
                _seen[opened] = opened.Items.Count;
                _links.Add(opened);
            }

            var link = _links[_random.Next(_links.Count)];
            var getsNoAck = _random.Next(2) == 0;
            link.Send(_random.Next(8) == 0 ? [new GetItem(1, getsNoAck)] : [.. Enumerable.Range(0, _random.Next(1, 4)).Select(_ => Choose(link))]);
            Check(link, getsNoAck);

            switch (_random.Next(300))
            {
                case 0:
                    Assert.Equal(_model.ReadyCount, _gateway.Slot.Purge(_gateway.Connection, 0).Messages);
                    _model.Purge();
                    break;
                case 1:
                    _model.Close(link);
                    link.Send(new CloseItem());
                    _links.Remove(link);
                    Check(link, getsNoAck);
                    break;
                case < 10:
                    _gateway.Tick(_random.Next(8_000));
                    break;
            }

            Assert.Equal(_model.ReadyCount, _gateway.Queue.ReadyCount);
            Assert.Equal(_model.Consumers.Count(), _gateway.Queue.ConsumerCount);
            _model.CheckThatNothingIsLost();
        }

        public void Finish()
        {
            foreach (var link in _links.ToArray())
            {
                _model.Close(link);
                link.Send(new CloseItem());
                Check(link, false);
            }

            var last = _gateway.Open();
            _seen[last] = last.Items.Count;
            _model.Attach(last, 0, true, 0, false, new Window(long.MaxValue, long.MaxValue));
            last.Attach(0, noAck: true, messages: long.MaxValue, bytes: long.MaxValue);
            Check(last, true);
            Assert.Equal(0, _model.ReadyCount);
            Assert.Equal((0, 0), (_gateway.Queue.ReadyCount, _gateway.Queue.ReadyBytes));
            _model.CheckThatNothingIsLost();
        }

        /// <summary>A get stands alone in its packet, and deliveries come after it.</summary>
        private void Check(TestLink sender, bool getsNoAck)
        {
            foreach (var got in New(sender).OfType<GotItem>())
            {
                _model.Got(sender, got, getsNoAck);
            }

            _model.Deliver(_seen.Keys.SelectMany(link => New(link).OfType<DeliveryItem>().Select(item => (link, item))).ToArray());
            foreach (var link in _seen.Keys)
            {
                _seen[link] = link.Items.Count;
            }
        }

        private IEnumerable<LinkDownItem> New(TestLink link) => link.Items.Skip(_seen[link]);

        private LinkUpItem Choose(TestLink link)
        {
            var mine = _model.Consumers.Where(consumer => consumer.Link == link).ToArray();
            var any = mine.Length == 0 ? null : mine[_random.Next(mine.Length)];
            switch (_random.Next(12))
            {
                case 0 when mine.Length < 4:
                    return Attach(link);
                case 1 when any is not null && _random.Next(5) == 0:
                    _model.Detach(link, any.Number);
                    return new DetachItem(any.Number);
                case 2 or 3 when any is not null:
                    var window = new Window(any.Window.Messages + _random.Next(-5, 40), any.Window.Bytes + _random.Next(-100, 2_000));
                    _model.Renew(link, any.Number, window);
                    return new WindowItem(any.Number, window);
                case 1 when any is not null && _random.Next(4) == 0:
                    _model.Share(link, any.Number, !any.Shared);
                    return new ShareItem(any.Number, any.Shared);
                case 4 when any is { Shared: true }:
                    var count = _random.Next(1, 30);
                    _model.Lend(link, any.Number, count);
                    return new LendItem(any.Number, count);
                case 5 or 6 or 7 or 8 or 9:
                    return Settle(link);
                default:
                    return Publish();
            }
        }

        private PublishItem Publish()
        {
            var count = _random.Next(4) switch { 0 => 1, 1 => _random.Next(1, 10), 2 => _random.Next(1, 100), _ => _random.Next(1, 700) };
            var resent = _random.Next(20) == 0;
            var batch = Batches.Of(_model.Publish(count, resent), count, persistent: paged is not null && _random.Next(2) == 0);
            return new PublishItem(_random.Next(2) == 0 ? batch : Batches.InChunk(batch), resent);
        }

        private AttachItem Attach(TestLink link)
        {
            var (number, noAck, shared) = (_consumers++, _random.Next(3) == 0, _random.Next(4) == 0);
            var prefetch = _random.Next(3) == 0 ? 0 : _random.Next(1, 300);
            var window = new Window(_random.Next(200), _random.Next(10_000));
            _model.Attach(link, number, noAck, prefetch, shared, window);
            return new AttachItem(number, "t", noAck, false, prefetch, shared, default, window);
        }

        private SettleItem Settle(TestLink link)
        {
            var unacked = _model.UnackedOf(link).Order().ToArray();
            var settlement = (Settlement)_random.Next(4);
            var ranges = new OffsetRange[_random.Next(1, 4)];
            for (var i = 0; i < ranges.Length; i++)
            {
                var first = unacked.Length == 0 ? _random.Next(100) : unacked[_random.Next(unacked.Length)];
                ranges[i] = new OffsetRange(Math.Max(0, first - _random.Next(3)), _random.Next(3) == 0 ? _random.Next(1, 500) : _random.Next(1, 8));
                _model.Settle(link, settlement, ranges[i]);
            }

            return new SettleItem(settlement, ranges);
        }
    }
}
