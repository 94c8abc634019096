using CsCheck;
using Granary.Core.Links;
using Granary.Silo.Queues;
using Granary.Silo.Storage;
using Granary.Silo.Tests.Storage;
using Granary.Testing.Logs;
using Granary.Testing.Walks;

namespace Granary.Silo.Tests.Queues;

/// <summary>Thousands of random operations on a queue, each checked against <see cref="QueueModel"/>.</summary>
public sealed class QueueWalkTests
{
    [Fact]
    public void RandomOperations_LeaveTheQueueAsTheModelSays() => QueueTurn.AnyTurn.Array[1, 1_500].Walk(
        turns => new Walk(new TestGateway().Declare(), isPaged: false).Run(turns), count: 40, print: turns => string.Join('\n', turns.AsEnumerable()));

    /// <summary>With so little memory that nearly all of the queue is in the store nearly all of the time.</summary>
    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public void RandomOperations_OnAPagedQueue_LeaveItAsTheModelSays(bool isDurable) => QueueTurn.AnyTurn.Array[1, 800].Walk(
        turns => RunPagedAsync(turns, isDurable).GetAwaiter().GetResult(), count: 10, print: turns => string.Join('\n', turns.AsEnumerable()));

    private static async Task RunPagedAsync(QueueTurn[] turns, bool isDurable)
    {
        var store = new FakeStore();
        var watched = new WatchedLog();
        await using var commit = new GroupCommit(store, watched.LoggerOf<GroupCommit>(), _ => { });
        var gateway = new TestGateway(new QueueStores(commit, commit, new MemoryBudget(2_000, long.MaxValue))).Declare(durable: isDurable);
        var identity = gateway.Queue.Storage!.Journal.Queue.Identity;
        new Walk(gateway, isPaged: true).Run(turns);
        Assert.True(store.Written > 0 || turns.Length < 100);
        Assert.Empty(store.Offsets(identity));
        watched.Check();
    }

    private sealed class Walk(TestGateway gateway, bool isPaged)
    {
        private readonly QueueModel _model = new();
        private readonly List<TestLink> _links = [];
        private readonly Dictionary<TestLink, int> _seen = [];
        private int _consumers;

        public void Run(QueueTurn[] turns)
        {
            foreach (var turn in turns)
            {
                Run(turn);
            }

            Finish();
        }

        private void Run(QueueTurn turn)
        {
            if (_links.Count == 0 || (_links.Count < 5 && turn.Opens))
            {
                var opened = gateway.Open();
                _seen[opened] = opened.Items.Count;
                _links.Add(opened);
            }

            var link = _links[turn.Link % _links.Count];
            link.Send(turn.Gets is { } noAck ? [new GetItem(1, noAck)] : [.. turn.Acts.Select(act => Do(link, act.Act) ?? Publish(act.Otherwise))]);
            Check(link, turn.Gets ?? false);

            if (turn.After.IsPurge)
            {
                Assert.Equal(_model.ReadyCount, gateway.Slot.Purge(gateway.Connection, 0).Messages);
                _model.Purge();
            }
            else if (turn.After.IsClose)
            {
                _model.Close(link);
                link.Send(new CloseItem());
                _links.Remove(link);
                Check(link, false);
            }
            else if (turn.After.Passes > 0)
            {
                gateway.Tick(turn.After.Passes);
            }

            Assert.Equal(_model.ReadyCount, gateway.Queue.ReadyCount);
            Assert.Equal(_model.Consumers.Count(), gateway.Queue.ConsumerCount);
            _model.CheckThatNothingIsLost();
        }

        private void Finish()
        {
            foreach (var link in _links.ToArray())
            {
                _model.Close(link);
                link.Send(new CloseItem());
                Check(link, false);
            }

            var last = gateway.Open();
            _seen[last] = last.Items.Count;
            _model.Attach(last, 0, true, 0, false, new Window(long.MaxValue, long.MaxValue));
            last.Attach(0, noAck: true, messages: long.MaxValue, bytes: long.MaxValue);
            Check(last, true);
            Assert.Equal(0, _model.ReadyCount);
            Assert.Equal((0, 0), (gateway.Queue.ReadyCount, gateway.Queue.ReadyBytes));
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

        // Null where there is nothing that it could be done to.
        private LinkUpItem? Do(TestLink link, QueueAct act)
        {
            var mine = _model.Consumers.Where(consumer => consumer.Link == link).ToArray();
            ModelConsumer? Consumer(int which) => mine.Length == 0 ? null : mine[which % mine.Length];
            switch (act)
            {
                case QueueAct.Attach attach when mine.Length < 4:
                    return Attach(link, attach);
                case QueueAct.Detach detach when Consumer(detach.Which) is { } consumer:
                    _model.Detach(link, consumer.Number);
                    return new DetachItem(consumer.Number);
                case QueueAct.Renew renew when Consumer(renew.Which) is { } consumer:
                    var window = new Window(consumer.Window.Messages + renew.Messages, consumer.Window.Bytes + renew.Bytes);
                    _model.Renew(link, consumer.Number, window);
                    return new WindowItem(consumer.Number, window);
                case QueueAct.Share share when Consumer(share.Which) is { } consumer:
                    _model.Share(link, consumer.Number, !consumer.Shared);
                    return new ShareItem(consumer.Number, consumer.Shared);
                case QueueAct.Lend lend when Consumer(lend.Which) is { Shared: true } consumer:
                    _model.Lend(link, consumer.Number, lend.Count);
                    return new LendItem(consumer.Number, lend.Count);
                case QueueAct.Settle settle:
                    return Settle(link, settle);
                case QueueAct.Publish publish:
                    return Publish(publish);
                default:
                    return null;
            }
        }

        private PublishItem Publish(QueueAct.Publish publish)
        {
            var batch = Batches.Of(_model.Publish(publish.Count, publish.Resent), publish.Count, persistent: isPaged && publish.Persistent);
            return new PublishItem(publish.InChunk ? Batches.InChunk(batch) : batch, publish.Resent);
        }

        private AttachItem Attach(TestLink link, QueueAct.Attach attach)
        {
            var number = _consumers++;
            _model.Attach(link, number, attach.NoAck, attach.Prefetch, attach.Shared, attach.Window);
            return new AttachItem(number, "t", attach.NoAck, false, attach.Prefetch, attach.Shared, default, attach.Window);
        }

        private SettleItem Settle(TestLink link, QueueAct.Settle settle)
        {
            var unacked = _model.UnackedOf(link).Order().ToArray();
            var ranges = settle.Ranges.Select(range =>
            {
                var first = unacked.Length == 0 ? range.Which % 100 : unacked[range.Which % unacked.Length];
                return new OffsetRange(Math.Max(0, first - range.Before), range.Length);
            }).ToArray();
            foreach (var range in ranges)
            {
                _model.Settle(link, settle.Settlement, range);
            }

            return new SettleItem(settle.Settlement, ranges);
        }
    }
}
