using CsCheck;
using Granary.Amqp;
using Granary.Core;
using Granary.Core.Links;
using Granary.Core.Messages;
using Granary.Silo.Hosting;
using Granary.Silo.Tests.Queues;
using Granary.Testing.Unkind;
using Granary.Testing.Walks;

namespace Granary.Silo.Tests.Storage;

/// <summary>Messages of a queue with priorities after the loss of its activation.</summary>
[Trait(TestSeed.Trait, TestSeed.NotConcerned)]
public sealed class PriorityRecoveryTests : IAsyncLifetime
{
    private const byte Highest = 3;

    private static readonly (string, FieldValue)[] Classic = [("x-max-priority", (int)Highest)];
    private static readonly (string, FieldValue)[] Quorum = [("x-queue-type", "quorum")];

    private readonly WalkStore _store = new("granary-priorities-");
    private (string, FieldValue)[] _arguments = Classic;
    private TestGateway _gateway = null!;

    public Task InitializeAsync() => Task.CompletedTask;

    public async Task DisposeAsync() => await _store.DisposeAsync();

    [Fact]
    public async Task Order_IsTheSameAfterARestart()
    {
        await BeginAsync(StoreKind.Memory, budget: long.MaxValue);
        var link = _gateway.Open();
        Publish(link, 0, 0, 3, 1, 3, 0, 9);
        await RestartAsync();
        link = _gateway.Open();
        Publish(link, 6, 2, 0);
        link.Attach(1);
        Assert.Equal([1, 3, 5, 6, 2, 0, 4, 7], link.GivenIds(1));
    }

    [Fact]
    public async Task Held_IsGivenToNobodyElse_AndLeavesTheOthersWhereTheyAre()
    {
        await BeginAsync(StoreKind.Memory, budget: long.MaxValue);
        var session = SessionId.New();
        Publish(_gateway.Open(session), 0, 0, 3, 1, 3, 0, 3);
        await RestartAsync(session);

        var other = _gateway.Open();
        other.Attach(1);
        Assert.Empty(other.GivenIds(1));
        var holder = _gateway.Open(session, TestLink.Attachment(7, prefetch: 3), new HoldItem(7, [new OffsetRange(3, 2), new OffsetRange(1, 1)]));

        Assert.Equal([5, 2, 0], other.GivenIds(1));
        Assert.Empty(holder.GivenIds(7));
        holder.Settle(Settlement.Ack, (4, 1));
        holder.Send(new DetachItem(7), new SettleItem(Settlement.Requeue, [new OffsetRange(0, 10)]));
        Assert.Equal([(1L, true), (3L, true)], TestLink.Given(other.Items, 1)[3..]);
    }

    [Fact]
    public async Task Held_ThatReturnsAfterARestart_StillExpires()
    {
        await BeginAsync(StoreKind.Memory, budget: long.MaxValue);
        var session = SessionId.New();
        _gateway.Open(session).Send(new PublishItem(Batches.Of(0, 2, expiry: _ => 1_000, persistent: true, priority: id => (byte)id), false));
        _gateway.Pump();
        await RestartAsync(session);
        var holder = _gateway.Open(session, TestLink.Attachment(7, prefetch: 1), new HoldItem(7, [new OffsetRange(1, 1)]));
        holder.Send(new DetachItem(7), new SettleItem(Settlement.Requeue, [new OffsetRange(1, 1)]));
        Assert.Equal(2, _gateway.Queue.ReadyCount);

        _gateway.Now += 1_000;
        _gateway.Slot.RunDue(_gateway.Now);

        Assert.Equal(0, _gateway.Queue.ReadyCount);
    }

    /// <summary>What comes back unread behind others, with much memory or hardly any, is looked at nevertheless: it expires at its time, and how large it is counts.</summary>
    [Theory]
    [InlineData(StoreKind.Memory, long.MaxValue, false)]
    [InlineData(StoreKind.Memory, 1_000, false)]
    [InlineData(StoreKind.Files, 1_000, false)]
    [InlineData(StoreKind.Postgres, 1_000, false)]
    [InlineData(StoreKind.Memory, 1_000, true)]
    [InlineData(StoreKind.Files, long.MaxValue, true)]
    public async Task Held_ThatReturnsAfterARestartBehindOthers_ExpiresAtItsTime(StoreKind kind, long budget, bool isQuorum)
    {
        const int Count = 400;
        static long? Expiry(long id) => id % 4 == 0 ? null : 1_000 + (id * 37 % 500);
        static MessageBatch Batch(long first, int count) => Batches.Of(first, count, static _ => 1_000, Expiry, persistent: true, priority: static id => (byte)(id % 5 % 3));
        _arguments = isQuorum ? Quorum : Classic;
        await BeginAsync(kind, budget);
        var session = SessionId.New();
        var link = _gateway.Open(session);
        for (var first = 0; first < Count; first += 20)
        {
            link.Send(new PublishItem(Batch(first, 20), false));
        }

        var (bytes, published) = (_gateway.Queue.ReadyBytes, _gateway.Now);
        await RestartAsync(session);
        var holder = _gateway.Open(session, TestLink.Attachment(7, prefetch: Count), new HoldItem(7, [new OffsetRange(0, Count)]));
        Assert.Equal(0, _gateway.Queue.ReadyCount);

        // The first of each priority stand before the others when those come back.
        holder.Send(new DetachItem(7), new SettleItem(Settlement.Requeue, [new OffsetRange(0, 100)]));
        holder.Settle(Settlement.Requeue, (200, Count - 200), (100, 100));

        Assert.Equal((Count, bytes), (_gateway.Queue.ReadyCount, _gateway.Queue.ReadyBytes));
        List<long> left = [.. Enumerable.Range(0, Count)];
        foreach (var after in new[] { 1_100, 1_300, 1_600 })
        {
            _gateway.Now = published + after;
            for (; _gateway.Slot.NextDue <= _gateway.Now; _gateway.Pump())
            {
                _gateway.Slot.RunDue(_gateway.Now);
            }

            left.RemoveAll(id => Expiry(id) <= after);
            Assert.Equal((left.Count, left.Sum(id => (long)Batch(id, 1).Records.Length)), (_gateway.Queue.ReadyCount, _gateway.Queue.ReadyBytes));
        }

        Assert.Equal(left.OrderByDescending(static id => id % 5 % 3).ThenBy(static id => id), TakeAll(_gateway.Open()));
    }

    [Fact]
    public async Task Bytes_CountAgainstTheLimitAfterARestart()
    {
        await BeginAsync(StoreKind.Memory, budget: long.MaxValue, ("x-max-length-bytes", 40));
        Publish(_gateway.Open(), 0, 0, 3, 1);
        await RestartAsync();
        var link = _gateway.Open();
        Publish(link, 3, 2, 0);
        Assert.Equal(5, _gateway.Queue.ReadyCount);
        Publish(link, 5, 0, 0);
        link.Attach(1);
        Assert.Equal([2, 0, 4, 5, 6], link.GivenIds(1));
    }

    /// <summary>What came before any priority, what says one and what says none: each is where it was.</summary>
    [Fact]
    public async Task QuorumQueue_KeepsItsOrderOverRestarts()
    {
        _arguments = Quorum;
        await BeginAsync(StoreKind.Files, budget: long.MaxValue);
        PublishPlain(_gateway.Open(), 0, 3);
        await RestartAsync();
        var link = _gateway.Open();
        Publish(link, 3, 9, 0, 40);
        PublishPlain(link, 6, 1);
        await RestartAsync();
        link = _gateway.Open();
        Publish(link, 7, 31, 4);
        PublishPlain(link, 9, 1);
        link.Attach(1);
        Assert.Equal([5, 7, 3, 0, 1, 2, 6, 8, 9, 4], link.GivenIds(1));
    }

    /// <summary>Only a store that knows of messages with a priority is read for it.</summary>
    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task QuorumQueue_IsNotReadWhenItIsTakenOver_UnlessAMessageSaysAPriority(bool says)
    {
        _arguments = Quorum;
        await BeginAsync(StoreKind.Memory, budget: long.MaxValue);
        PublishPlain(_gateway.Open(), 0, 500);
        if (says)
        {
            Publish(_gateway.Open(), 500, 4);
        }

        await _gateway.Queue.Storage!.Journal.FlushAsync();
        var storage = await _store.Queues.TakeOverAsync(_gateway.Queue.Storage.Journal.Queue.Identity, TestGateway.Epoch, default);
        var store = (FakeStore)_store.Store;
        var reads = store.Reads;
        var known = await _store.Queues.ReadPrioritiesAsync(storage!, _gateway.Queue.Definition.Settings.Priorities!, default);
        Assert.Equal((says, says), (store.Reads > reads, known.Priorities is not null));
    }

    [Fact]
    public async Task QuorumQueue_HeldMessagesThatComeBackAfterARestart_GoBackToTheirPlace()
    {
        _arguments = Quorum;
        await BeginAsync(StoreKind.Memory, budget: long.MaxValue);
        var session = SessionId.New();
        PublishPlain(_gateway.Open(session), 0, 2);
        await RestartAsync(session);
        Publish(_gateway.Open(), 2, 9, 0);
        var holder = _gateway.Open(session, TestLink.Attachment(7, prefetch: 1), new HoldItem(7, [new OffsetRange(0, 1)]));
        holder.Send(new DetachItem(7), new SettleItem(Settlement.Requeue, [new OffsetRange(0, 1)]));
        holder.Attach(8);
        Assert.Equal([2, 0, 1, 3], holder.GivenIds(8));
    }

    /// <summary>Publishes, gets, settlements and restarts in any order, with much memory or hardly any, against a list.</summary>
    [Theory]
    [InlineData(StoreKind.Memory, long.MaxValue, false)]
    [InlineData(StoreKind.Memory, 1_000, false)]
    [InlineData(StoreKind.Files, 1_000, false)]
    [InlineData(StoreKind.Postgres, 1_000, false)]
    [InlineData(StoreKind.Memory, long.MaxValue, true)]
    [InlineData(StoreKind.Files, 1_000, true)]
    [InlineData(StoreKind.Postgres, 1_000, true)]
    public void RandomOperations_AndRestarts_KeepTheOrder(StoreKind kind, long budget, bool isQuorum) => Step.Any.Array[1, 300].Walk(
        steps => RunAsync(steps, kind, budget, isQuorum).GetAwaiter().GetResult(), count: 8, print: static steps => string.Join('\n', steps));

    private async Task RunAsync(Step[] steps, StoreKind kind, long budget, bool isQuorum)
    {
        _arguments = isQuorum ? Quorum : Classic;
        await BeginAsync(kind, budget);
        var model = new Model(isQuorum);
        var link = _gateway.Open();
        foreach (var step in steps)
        {
            switch (step.Kind)
            {
                case StepKind.Publish:
                    link.Send(new PublishItem(
                        Batches.Of(model.NextId, step.Number, id => 8 + (int)(id % 300), persistent: step.Flag, priority: model.Says), false));
                    model.Publish(step.Number, step.Flag);
                    break;
                case StepKind.Get:
                    for (var i = 0; i < step.Number; i++)
                    {
                        model.Got(link.Send(new GetItem(i, step.Flag)).OfType<GotItem>().Single().Message, step.Flag);
                    }

                    break;
                case StepKind.Settle when model.Unacked.Count > 0:
                    var (offset, id) = model.Unacked.ElementAt(step.Number % model.Unacked.Count);
                    link.Settle(step.Flag ? Settlement.Ack : Settlement.Requeue, (offset, 1));
                    model.Settle(offset, id, step.Flag);
                    break;
                case StepKind.Restart:
                    _gateway.Pump();
                    await RestartAsync();
                    link = _gateway.Open();
                    model.Restart();
                    break;
            }

            Assert.Equal(model.Count, _gateway.Queue.ReadyCount);
        }

        _gateway.Pump();
        await RestartAsync();
        model.Restart();
        link = _gateway.Open();
        while (model.Count > 0)
        {
            model.Got(link.Send(new GetItem(0, NoAck: true)).OfType<GotItem>().Single().Message, noAck: true);
        }

        Assert.Equal((0, 0), (_gateway.Queue.ReadyCount, _gateway.Queue.ReadyBytes));
    }

    private static long[] TakeAll(TestLink link)
    {
        link.Attach(9, noAck: true);
        return link.GivenIds(9);
    }

    private static void PublishPlain(TestLink link, long first, int count) => link.Send(new PublishItem(Batches.Of(first, count, persistent: true), false));

    private static void Publish(TestLink link, long first, params byte[] priorities) =>
        link.Send(new PublishItem(Batches.Of(first, priorities.Length, persistent: true, priority: id => priorities[id - first]), false));

    private async Task BeginAsync(StoreKind kind, long budget, params (string, FieldValue)[] arguments) =>
        _gateway = new TestGateway(await _store.BeginAsync(kind, budget)).Declare(durable: true, arguments: EncodedTable.From(FieldTable.Of([.. _arguments, .. arguments])));

    private async Task RestartAsync(params SessionId[] sessions)
    {
        (_gateway, _) = await _store.TakeOverAsync(_gateway, sessions);
        _gateway.Pump();
    }

    private enum StepKind
    {
        Publish,
        Get,
        Settle,
        Restart,
    }

    /// <param name="Flag">Of a publish: persistent; of a get: no acknowledgement; of a settlement: an acknowledgement and no return.</param>
    private sealed record Step(StepKind Kind, int Number, bool Flag)
    {
        public static readonly Gen<Step> Any = Gen.Frequency(
            (8, Gen.Select(Gen.Int[1, 40], Gen.Frequency((3, true), (1, false)), (number, flag) => new Step(StepKind.Publish, number, flag))),
            (6, Gen.Select(Gen.Int[1, 20], Gen.Bool, (number, flag) => new Step(StepKind.Get, number, flag))),
            (20, Gen.Select(Gen.Int[0, 1_000], Gen.Bool, (number, flag) => new Step(StepKind.Settle, number, flag))),
            (1, Gen.Const(new Step(StepKind.Restart, 0, false))));
    }

    /// <summary>A list of messages.</summary>
    private sealed class Model(bool isQuorum)
    {
        private readonly SortedSet<long> _ready = new(Comparer<long>.Create(isQuorum ? CompareInQuorum : Compare));
        private readonly HashSet<long> _persistent = [];
        private readonly HashSet<long> _seen = [];

        public long NextId { get; private set; }

        public int Count => _ready.Count;

        /// <summary>Ids by offset.</summary>
        public SortedDictionary<long, long> Unacked { get; } = [];

        /// <summary>The priority that a message is published with. In a quorum queue the first ones have none, and some of the others.</summary>
        public byte? Says(long id) => isQuorum ? SaysInQuorum(id) : PriorityOf(id);

        public void Publish(int count, bool isPersistent)
        {
            for (var end = NextId + count; NextId < end; NextId++)
            {
                _ready.Add(NextId);
                _ = isPersistent && _persistent.Add(NextId);
            }
        }

        public void Got(DeliverySlice? message, bool noAck)
        {
            Assert.Equal(_ready.Count == 0, message is null);
            if (message is not { } slice)
            {
                return;
            }

            var id = Assert.Single(Batches.Ids(slice));
            Assert.Equal(_ready.Min, id);
            Assert.True(slice.Redelivered || !_seen.Contains(id), $"Message {id} was seen before.");
            _seen.Add(id);
            _ready.Remove(id);
            if (!noAck)
            {
                Unacked.Add(slice.FirstOffset, id);
            }
        }

        public void Settle(long offset, long id, bool isAck)
        {
            Unacked.Remove(offset);
            _ = !isAck && _ready.Add(id);
        }

        public void Restart()
        {
            _ready.UnionWith(Unacked.Values);
            Unacked.Clear();
            _ready.IntersectWith(_persistent);
        }

        private static byte PriorityOf(long id) => (byte)((id % 64 < 32 ? id : id / 20) * 7 % 6);

        private static byte? SaysInQuorum(long id) => id < 200 || id % 50 < 30 ? null : (byte)(id * 7 % 40);

        private static int Compare(long left, long right) => Compare(left, right, id => Math.Min(PriorityOf(id), Highest));

        private static int CompareInQuorum(long left, long right) => Compare(left, right, id => Math.Min(SaysInQuorum(id) ?? 4, (byte)31));

        private static int Compare(long left, long right, Func<long, byte> priority)
        {
            var (a, b) = (priority(left), priority(right));
            return a != b ? b.CompareTo(a) : left.CompareTo(right);
        }
    }
}
