using CsCheck;
using Granary.Amqp;
using Granary.Core;
using Granary.Core.Links;
using Granary.Core.Messages;
using Granary.Silo.Queues;
using Granary.Silo.Storage;
using Granary.Silo.Tests.Storage;
using Granary.Testing.Logs;
using Granary.Testing.Unkind;
using Granary.Testing.Walks;

namespace Granary.Silo.Tests.Queues;

/// <summary>Thousands of random operations on a queue, each checked against <see cref="QueueModel"/>.</summary>
[Trait(TestSeed.Trait, TestSeed.NotConcerned)]
public sealed class QueueWalkTests
{
    private const int SmallBody = sizeof(long);

    // With priorities, which each keep the beginning of what they have in memory: with small messages next to nothing would be paged out.
    private const int LargeBody = 250;

    [Fact]
    public void RandomOperations_LeaveTheQueueAsTheModelSays() => QueueTurn.AnyTurn.Array[1, 1_500].Walk(
        turns => new Walk(new TestGateway().Declare(), new QueueModel(), isPaged: false).Run(turns), count: 40, print: Print);

    /// <summary>Only one consumer is given messages; in a quorum queue it makes way for one of a higher priority.</summary>
    [Theory]
    [InlineData("classic")]
    [InlineData("quorum")]
    public void RandomOperations_WithASingleActiveConsumer_LeaveTheQueueAsTheModelSays(string type) => QueueTurn.AnyTurn.Array[1, 1_000].Walk(
        turns => new Walk(
            new TestGateway().Declare(durable: true, arguments: EncodedTable.From(FieldTable.Of(("x-single-active-consumer", true), ("x-queue-type", type)))),
            new QueueModel(isSingle: true, isQuorum: type == "quorum"), isPaged: false, priority: static _ => null).Run(turns),
        count: 20, print: Print);

    /// <summary>Messages of a quorum queue count how often they came back, and die when that is too often.</summary>
    [Fact]
    public void RandomOperations_WithADeliveryLimit_LeaveTheQueueAsTheModelSays() => QueueTurn.AnyTurn.Array[1, 1_000].Walk(
        turns => new Walk(
            new TestGateway().Declare(durable: true, arguments: EncodedTable.From(FieldTable.Of(("x-queue-type", "quorum"), ("x-delivery-limit", 2)))),
            new QueueModel(isQuorum: true) { DeliveryLimit = 2 }, isPaged: false, priority: static _ => null).Run(turns),
        count: 20, print: Print);

    /// <summary>The highest priority comes first, whoever the consumers are.</summary>
    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public void RandomOperations_WithPriorities_LeaveTheQueueAsTheModelSays(bool isSingle) => QueueTurn.AnyTurn.Array[1, 1_000].Walk(
        turns => new Walk(
            new TestGateway().Declare(arguments: EncodedTable.From(FieldTable.Of(("x-max-priority", 3), ("x-single-active-consumer", isSingle)))),
            new QueueModel(isSingle, priority: Highest3), isPaged: false).Run(turns),
        count: 20, print: Print);

    /// <summary>With so little memory that nearly all of the queue is in the store nearly all of the time.</summary>
    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public void RandomOperations_OnAPagedQueue_LeaveItAsTheModelSays(bool isDurable) => QueueTurn.AnyTurn.Array[1, 800].Walk(
        turns => RunPagedAsync(turns, isDurable, hasPriorities: false).GetAwaiter().GetResult(), count: 10, print: Print);

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public void RandomOperations_OnAPagedQueueWithPriorities_LeaveItAsTheModelSays(bool isDurable) => QueueTurn.AnyTurn.Array[1, 800].Walk(
        turns => RunPagedAsync(turns, isDurable, hasPriorities: true).GetAwaiter().GetResult(), count: 10, print: Print);

    /// <summary>Most messages of a quorum queue say no priority, and at the beginning none does; 31 is the highest, and without one a message has 4.</summary>
    [Fact]
    public void RandomOperations_WithPrioritiesInAQuorumQueue_LeaveTheQueueAsTheModelSays() => QueueTurn.AnyTurn.Array[1, 1_000].Walk(
        turns => new Walk(
            new TestGateway().Declare(durable: true, arguments: Quorum),
            new QueueModel(isQuorum: true, priority: QuorumPriority), isPaged: false, priority: SaidInAQuorumQueue).Run(turns),
        count: 20, print: Print);

    [Fact]
    public void RandomOperations_OnAPagedQuorumQueueWithPriorities_LeaveItAsTheModelSays() => QueueTurn.AnyTurn.Array[1, 800].Walk(
        turns => RunPagedAsync(turns, isDurable: true, hasPriorities: true, isQuorum: true).GetAwaiter().GetResult(), count: 10, print: Print);

    private static readonly EncodedTable Quorum = EncodedTable.From(FieldTable.Of(("x-queue-type", "quorum")));

    private static string Print(QueueTurn[] turns) => string.Join('\n', turns.AsEnumerable());

    /// <summary>By its id, the priority that a message is sent with: they differ from one to the next at times, and are the same for a while at others.</summary>
    private static byte PriorityOf(long id) => (byte)((id % 512 < 256 ? id : id / 100) * 7 % 6);

    /// <summary>None, or 0 to 40.</summary>
    private static byte? SaidInAQuorumQueue(long id) => id < 500 || id % 300 < 150 ? null : (byte)((id % 1_000 < 500 ? id : id / 100) * 7 % 41);

    private static byte QuorumPriority(long id) => Math.Min(SaidInAQuorumQueue(id) ?? 4, (byte)31);

    private static byte Highest3(long id) => Math.Min(PriorityOf(id), (byte)3);

    private static async Task RunPagedAsync(QueueTurn[] turns, bool isDurable, bool hasPriorities, bool isQuorum = false)
    {
        var store = new FakeStore();
        var watched = new WatchedLog();
        await using var commit = new GroupCommit(store, watched.LoggerOf<GroupCommit>(), _ => { });
        var arguments = isQuorum ? Quorum : hasPriorities ? EncodedTable.From(FieldTable.Of(("x-max-priority", 3))) : default;
        var gateway = new TestGateway(new QueueStores(commit, commit, new MemoryBudget(2_000, long.MaxValue))).Declare(durable: isDurable, arguments: arguments);
        var identity = gateway.Queue.Storage!.Journal.Queue.Identity;
        var bodyLength = hasPriorities ? LargeBody : SmallBody;
        new Walk(gateway, new QueueModel(isQuorum: isQuorum, priority: isQuorum ? QuorumPriority : hasPriorities ? Highest3 : null), isPaged: true, bodyLength, isQuorum ? SaidInAQuorumQueue : null).Run(turns);
        Assert.True(store.Written > 0 || turns.Length < 100);
        Assert.Empty(store.Offsets(identity));
        watched.Check();
    }

    private sealed class Walk(TestGateway gateway, QueueModel model, bool isPaged, int bodyLength = SmallBody, Func<long, byte?>? priority = null)
    {
        private readonly QueueModel _model = model;
        private readonly List<TestLink> _links = [];
        private readonly Dictionary<TestLink, int> _seen = [];
        private int _consumers;
        private int _refused;

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
            var attach = TestLink.Attachment(0, noAck: true, messages: long.MaxValue, bytes: long.MaxValue);
            Assert.True(_model.Attach(last, attach, priority: 0));
            last.Send(attach);
            Check(last, true);
            Assert.Equal(0, _model.ReadyCount);
            Assert.Equal((0, 0), (gateway.Queue.ReadyCount, gateway.Queue.ReadyBytes));
            _model.CheckThatNothingIsLost();
        }

        /// <summary>A get stands alone in its packet, and deliveries come after it.</summary>
        private void Check(TestLink sender, bool getsNoAck)
        {
            Assert.Equal(_refused, New(sender).OfType<AttachedItem>().Count(attached => attached.Error is not null));
            _refused = 0;
            foreach (var got in New(sender).OfType<GotItem>())
            {
                _model.Got(sender, got, getsNoAck);
            }

            _model.Deliver(_seen.Keys.SelectMany(link => New(link).OfType<DeliveryItem>().Select(item => (link, item))).ToArray());
            foreach (var link in _seen.Keys)
            {
                foreach (var ready in New(link).OfType<ReadyItem>())
                {
                    _model.Ask(link, ready.Consumer);
                }

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
            var batch = Batches.Of(_model.Publish(publish.Count, publish.Resent), publish.Count, _ => bodyLength, persistent: isPaged && publish.Persistent, priority: priority ?? (static id => PriorityOf(id)));
            return new PublishItem(publish.InChunk && batch.Records.Length < MessageBatch.ChunkSize / 2 ? Batches.InChunk(batch) : batch, publish.Resent);
        }

        private AttachItem Attach(TestLink link, QueueAct.Attach attach)
        {
            var item = new AttachItem(
                _consumers++, "t", attach.NoAck, attach.Exclusive, attach.Prefetch, attach.Shared, TestLink.PriorityArgument(attach.Priority), attach.Window);
            _refused += _model.Attach(link, item, attach.Priority) ? 0 : 1;
            return item;
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
