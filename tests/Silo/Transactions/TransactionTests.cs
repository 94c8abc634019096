using Granary.Amqp;
using Granary.Core;
using Granary.Core.Grains;
using Granary.Core.Links;
using Granary.Core.Transactions;
using Granary.Silo.Storage;
using Granary.Silo.Storage.Memory;
using Granary.Silo.Tests.Queues;
using Granary.Silo.Transactions;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging.Abstractions;
using Microsoft.Extensions.Time.Testing;

namespace Granary.Silo.Tests.Transactions;

/// <summary>What queues do of a transaction over several of them, and what is left of it when a silo ends on the way.</summary>
public sealed class TransactionTests
{
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(60);

    [Fact]
    public async Task Transaction_UntilItIsDecided_ShowsNothing_AndThenAll()
    {
        await using var silo = await TestSilo.StartAsync(store: new MemoryStore());
        var (from, to) = (await DeclareAsync(silo, "from"), await DeclareAsync(silo, "to"));
        await using var link = await GrainLink.OpenAsync(silo.Grains, from, ConnectionId.New());
        await HoldAsync(link, 0, 1, 2);
        var id = TransactionId.New();

        Assert.Equal(PrepareAnswer.Prepared, await from.PrepareAsync(Acknowledging(id, link, new OffsetRange(1, 1))));
        Assert.Equal(PrepareAnswer.Prepared, await to.PrepareAsync(Publishing(id, 7)));
        Assert.Equal(0, (await to.DescribeAsync(default)).Messages);

        // The end of its session gives back what the transaction does not settle.
        await link.SendAsync(new CloseItem());
        Assert.Equal(2, (await from.DescribeAsync(default)).Messages);

        Assert.True(await silo.Grains.Transactions().DecideAsync(id));
        await from.DecideAsync(id, takesEffect: true);
        await to.DecideAsync(id, takesEffect: true);
        Assert.Equal(2, (await from.DescribeAsync(default)).Messages);
        Assert.Equal(1, (await to.DescribeAsync(default)).Messages);
        Assert.Equal([0, 2], await TakeAsync(silo, from, 2));
        Assert.Equal([7], await TakeAsync(silo, to, 1));
    }

    [Fact]
    public async Task Transaction_OfWhichNothingComes_GivesBackInPlaceWhatItHeld()
    {
        await using var silo = await TestSilo.StartAsync(store: new MemoryStore());
        var (from, to) = (await DeclareAsync(silo, "from"), await DeclareAsync(silo, "to"));
        await using var link = await GrainLink.OpenAsync(silo.Grains, from, ConnectionId.New());
        await HoldAsync(link, 0, 1, 2);
        var id = TransactionId.New();
        Assert.Equal(PrepareAnswer.Prepared, await from.PrepareAsync(Acknowledging(id, link, new OffsetRange(0, 2))));
        Assert.Equal(PrepareAnswer.Prepared, await to.PrepareAsync(Publishing(id, 7)));
        await link.SendAsync(new CloseItem());

        await from.DecideAsync(id, takesEffect: false);
        await to.DecideAsync(id, takesEffect: false);

        // Late copies of what was said before change nothing.
        Assert.Equal(PrepareAnswer.NotHeld, await to.PrepareAsync(Publishing(id, 7)));
        await to.DecideAsync(id, takesEffect: true);
        Assert.Equal(0, (await to.DescribeAsync(default)).Messages);
        Assert.Equal([0, 1, 2], await TakeAsync(silo, from, 3));
    }

    [Fact]
    public async Task Transaction_WhatAQueueCannotDo_IsRefusedAndChangesNothing()
    {
        await using var silo = await TestSilo.StartAsync(store: new MemoryStore());
        var full = await DeclareAsync(silo, "full", ("x-max-length", 1), ("x-overflow", "reject-publish"));
        await using var link = await GrainLink.OpenAsync(silo.Grains, full, ConnectionId.New());
        await HoldAsync(link, 0);

        Assert.Equal(PrepareAnswer.Full, await full.PrepareAsync(Publishing(TransactionId.New(), 7, 8)));
        Assert.Equal(PrepareAnswer.NotHeld, await full.PrepareAsync(Acknowledging(TransactionId.New(), link, new OffsetRange(0, 2))));
        Assert.Equal(PrepareAnswer.NoQueue, await QueueOf(silo, "none").PrepareAsync(Publishing(TransactionId.New(), 7)));
        await link.SendAsync(new CloseItem());
        Assert.Equal(1, (await full.DescribeAsync(default)).Messages);
    }

    [Fact]
    public async Task Transaction_StoredAtAllQueues_LeavesNothingElseInTheStore()
    {
        var store = new MemoryStore();
        await using var silo = await TestSilo.StartAsync(store: store);
        var (from, to) = (await DeclareAsync(silo, "from"), await DeclareAsync(silo, "to"));
        await using var link = await GrainLink.OpenAsync(silo.Grains, from, ConnectionId.New());
        await HoldAsync(link, 0);
        var id = TransactionId.New();
        await from.PrepareAsync(Acknowledging(id, link, new OffsetRange(0, 1)));
        await to.PrepareAsync(Publishing(id, 7));
        Assert.Equal(2, (await store.ReadTablesAsync(PreparedRows.Prefix, default)).Count);
        await silo.Grains.Transactions().DecideAsync(id);
        foreach (var queue in new[] { from, to })
        {
            await queue.DecideAsync(id, takesEffect: true);
            await queue.FinishAsync(id);
        }

        await silo.Grains.Transactions().ForgetAsync(id);
        Assert.Empty(await store.ReadTablesAsync(PreparedRows.Prefix, default));
        Assert.Empty(await store.ReadRowsAsync(TransactionDecisions.Table, default));
    }

    /// <summary>A queue that did not answer when it was to be told hears of it before that is forgotten.</summary>
    [Fact]
    public async Task Transaction_ThatAQueueWasNotToldOf_TakesEffectThereWhenItIsFinished()
    {
        var store = new MemoryStore();
        await using var silo = await TestSilo.StartAsync(store: store);
        var to = await DeclareAsync(silo, "to");
        var id = TransactionId.New();
        Assert.Equal(PrepareAnswer.Prepared, await to.PrepareAsync(Publishing(id, 7)));
        Assert.True(await silo.Grains.Transactions().DecideAsync(id));
        await to.FinishAsync(id);
        Assert.Empty(await store.ReadTablesAsync(PreparedRows.Prefix, default));
        Assert.Equal([7], await TakeAsync(silo, to, 1));
    }

    /// <summary>Batches of the outbox come one after the other, though a queue may not have heard of one when the next begins.</summary>
    [Fact]
    public async Task OutboxBatch_BehindOneThatItsQueueWasNotToldOf_ComesBehindIt()
    {
        await using var silo = await TestSilo.StartAsync(store: new MemoryStore());
        var to = await DeclareAsync(silo, "to");
        var (first, gone) = (Publishing(TransactionId.New(), 7) with { By = TransactionPart.ByOutbox(null) }, Publishing(TransactionId.New(), 8) with { By = TransactionPart.ByOutbox(null) });
        Assert.Equal(PrepareAnswer.Prepared, await to.PrepareAsync(first));
        Assert.True(await silo.Grains.Transactions().DecideAsync(first.Id));

        // Of this one nothing comes, as the silo that had the turn was lost before it was decided.
        await UntilAsync(async () => await to.PrepareAsync(gone) == PrepareAnswer.Prepared);
        var commit = new AtomicCommit(
            silo.Grains, "/", TimeProvider.System, Patience, NullLogger.Instance, CancellationToken.None, id => silo.Grains.Transactions().DecideAsync(id));
        var next = Publishing(TransactionId.New(), 9) with { By = TransactionPart.ByOutbox("another") };
        Assert.Equal(AtomicOutcome.Done, (await commit.RunAsync(new Dictionary<string, TransactionPart> { ["to"] = next }, static _ => false)).Outcome);
        Assert.Equal([7, 9], await TakeAsync(silo, to, 2));
    }

    /// <param name="isDecided">That it takes effect was written before the silo was lost.</param>
    /// <param name="isDone">One of its queues has done it, and stored that.</param>
    [Theory]
    [InlineData(false, false)]
    [InlineData(true, false)]
    [InlineData(true, true)]
    public async Task Transaction_OfALostSilo_TakesEffectIfThatWasDecided_AndOnce(bool isDecided, bool isDone)
    {
        var store = new MemoryStore();
        MemoryStore left;
        var id = TransactionId.New();
        await using (var silo = await TestSilo.StartAsync(store: store))
        {
            var (from, to) = (await DeclareAsync(silo, "from"), await DeclareAsync(silo, "to"));
            await using var link = await GrainLink.OpenAsync(silo.Grains, from, ConnectionId.New());
            await HoldAsync(link, 0, 1, 2);
            await from.PrepareAsync(Acknowledging(id, link, new OffsetRange(1, 2)));
            await to.PrepareAsync(Publishing(id, 7, 8));
            if (isDecided)
            {
                Assert.True(await silo.Grains.Transactions().DecideAsync(id));
            }

            if (isDone)
            {
                await to.DecideAsync(id, takesEffect: true);
                await to.FinishAsync(id);
            }

            left = store.Copy();
        }

        await using (var silo = await TestSilo.StartAsync(store: left))
        {
            var (from, to) = (QueueOf(silo, "from"), QueueOf(silo, "to"));
            Assert.Equal(isDecided ? [7L, 8L] : [], await TakeAsync(silo, to, isDecided ? 2 : 0));
            Assert.Equal(isDecided ? [0L] : [0L, 1L, 2L], await TakeAsync(silo, from, isDecided ? 1 : 3));

            // Who was late to decide hears what holds.
            Assert.Equal(isDecided, await silo.Grains.Transactions().DecideAsync(id));
            await UntilAsync(async () => (await left.ReadTablesAsync(PreparedRows.Prefix, default)).Count == 0);
        }
    }

    /// <summary>What it settles is out to its consumer until that is decided, and after that if nothing comes of it.</summary>
    [Fact]
    public void Transaction_UntilItTakesEffect_MakesItsConsumerNoRoom()
    {
        var gateway = new TestGateway().Declare();
        var link = gateway.Open();
        link.Attach(1, prefetch: 2);
        link.Publish(0, 9);
        Assert.Equal([0, 1], link.GivenIds(1));
        for (var round = 0; round < 3; round++)
        {
            var failed = Prepare(gateway, link, (0, 2));
            Assert.Equal([0, 1], link.GivenIds(1));
            Decide(gateway, failed, takesEffect: false);
            Assert.Equal([0, 1], link.GivenIds(1));
        }

        var done = Prepare(gateway, link, (0, 2));
        Assert.Equal([0, 1], link.GivenIds(1));
        Decide(gateway, done, takesEffect: true);
        Assert.Equal([0, 1, 2, 3], link.GivenIds(1));

        // That the gateway says it once more changes nothing.
        link.Settle(Settlement.Ack, (0, 2));
        Assert.Equal([0, 1, 2, 3], link.GivenIds(1));
        link.Settle(Settlement.Ack, (2, 2));
        Assert.Equal([0, 1, 2, 3, 4, 5], link.GivenIds(1));
    }

    [Fact]
    public void Transaction_OfMoreThanIsHeld_MakesItsConsumerNoRoom()
    {
        var (gateway, link, failed) = Prepared(ConnectionId.New());
        Decide(gateway, failed, takesEffect: false);
        link.Publish(1, 2);
        Assert.Equal(PrepareAnswer.NotHeld, gateway.Slot.Prepare(Settling(link, (0, 2)), gateway.Now, out _));
        gateway.DeliverPushes();
        Assert.Equal([0], link.GivenIds(1));
        link.Settle(Settlement.Ack, (0, 1));
        Assert.Equal([0, 1], link.GivenIds(1));
    }

    /// <summary>It has settled nothing as long as that may be undone: nobody takes its place before.</summary>
    [Fact]
    public void Transaction_OfTheActiveConsumer_LetsItMakeWayOnlyWhenItTakesEffect()
    {
        var gateway = new TestGateway().Declare(
            durable: true, arguments: EncodedTable.From(FieldTable.Of(("x-queue-type", "quorum"), ("x-single-active-consumer", true))));
        var link = gateway.Open();
        link.Attach(1, prefetch: 1);
        link.Publish(0, 3);
        link.Attach(2, priority: 5);
        Decide(gateway, Prepare(gateway, link, (0, 1)), takesEffect: false);
        Assert.Empty(link.GivenIds(2));
        Decide(gateway, Prepare(gateway, link, (0, 1)), takesEffect: true);
        Assert.Equal([0], link.GivenIds(1));
        Assert.Equal([1, 2], link.GivenIds(2));
    }

    [Fact]
    public void Transaction_OfASessionThatHasGoneOnOverAnotherLink_GivesBackToItsConsumerThere()
    {
        var (gateway, link, id) = Prepared(ConnectionId.New());
        link.Publish(1, 4);
        var next = gateway.Open(link.Session, ordinal: 2, TestLink.Attachment(1, prefetch: 2));
        Assert.Equal([1, 2], next.GivenIds(1));
        Decide(gateway, id, takesEffect: false);
        next.Settle(Settlement.Ack, (1, 1));
        Assert.Equal([1, 2], next.GivenIds(1));
        next.Settle(Settlement.Ack, (0, 1));
        Assert.Equal([1, 2, 3], next.GivenIds(1));
    }

    [Fact]
    public void Transaction_ThatNobodyDecides_IsLookedForAfterTwentySeconds()
    {
        var (gateway, link, id) = Prepared(ConnectionId.New());
        gateway.Tick(19_999);
        Assert.Empty(gateway.Slot.TakeOverdue());
        gateway.Tick(1);
        Assert.Equal(id, Assert.Single(gateway.Slot.TakeOverdue()).Id);
        gateway.Tick(60_000);
        Assert.Empty(gateway.Slot.TakeOverdue());

        // Nothing comes of it, and what it held is its consumer's again.
        gateway.Slot.Decide(id, takesEffect: false, gateway.Now);
        link.Settle(Settlement.Ack, (0, 1));
        link.Send(new CloseItem());
        Assert.Equal(0, gateway.Queue.ReadyCount);
    }

    [Fact]
    public void Transaction_OfAGatewayThatDied_IsLookedForAtOnce()
    {
        var (gateway, link, id) = Prepared(ConnectionId.New("gateway"));
        gateway.Slot.LetGo("another", gateway.Now);
        gateway.Tick(1_000);
        Assert.Empty(gateway.Slot.TakeOverdue());
        gateway.Slot.LetGo("gateway", gateway.Now);
        Assert.Equal(id, Assert.Single(gateway.Slot.TakeOverdue()).Id);
        link.Send(new CloseItem());
        Assert.Equal(0, gateway.Queue.ReadyCount);
        gateway.Slot.Decide(id, takesEffect: false, gateway.Now);
        Assert.Equal(1, gateway.Queue.ReadyCount);
    }

    [Fact]
    public async Task Sweep_OfQueuesThatNobodyUses_HasThemFindOutWhatBecameOfIt()
    {
        var store = new MemoryStore();
        MemoryStore left;
        var (decided, open) = (TransactionId.New(), TransactionId.New());
        await using (var silo = await TestSilo.StartAsync(store: store))
        {
            foreach (var (name, id) in new[] { ("decided", decided), ("open", open) })
            {
                await (await DeclareAsync(silo, name)).PrepareAsync(Publishing(id, 7));
            }

            Assert.True(await silo.Grains.Transactions().DecideAsync(decided));
            left = store.Copy();
        }

        await using (var silo = await TestSilo.StartAsync(store: left))
        {
            var clock = new FakeTimeProvider(DateTimeOffset.UtcNow);
            using var sweep = new TransactionSweep(() => silo.Services.GetRequiredService<GroupCommit>(), silo.Grains, clock, NullLogger<TransactionSweep>.Instance);
            await sweep.SweepAsync(default);
            Assert.Equal(2, (await left.ReadTablesAsync(PreparedRows.Prefix, default)).Count);
            await sweep.SweepAsync(default);
            await UntilAsync(async () => (await left.ReadTablesAsync(PreparedRows.Prefix, default)).Count == 0);
            Assert.Equal([7L], await TakeAsync(silo, QueueOf(silo, "decided"), 1));
            Assert.Equal(0, (await QueueOf(silo, "open").DescribeAsync(default)).Messages);

            // What was decided goes when nobody can ask any more: "yes" after five minutes, "no" after an hour.
            clock.Advance(TimeSpan.FromMinutes(6));
            await sweep.SweepAsync(default);
            Assert.Equal([open], (await left.ReadRowsAsync(TransactionDecisions.Table, default)).Select(row => TransactionDecisions.Parse(row).Id));
            clock.Advance(TimeSpan.FromHours(1));
            await sweep.SweepAsync(default);
            Assert.Empty(await left.ReadRowsAsync(TransactionDecisions.Table, default));
        }
    }

    /// <summary>A stream takes what a transaction publishes, when that is decided.</summary>
    [Fact]
    public async Task Transaction_ThatPublishesToAStream_TakesEffectAlsoAfterALoss()
    {
        var store = new MemoryStore();
        MemoryStore left;
        var (first, second) = (TransactionId.New(), TransactionId.New());
        await using (var silo = await TestSilo.StartAsync(store: store))
        {
            var stream = await DeclareAsync(silo, "stream", ("x-queue-type", "stream"));
            Assert.Equal(PrepareAnswer.Prepared, await stream.PrepareAsync(Publishing(first, 7)));
            Assert.Equal(0, (await stream.DescribeAsync(default)).Messages);
            Assert.True(await silo.Grains.Transactions().DecideAsync(first));
            await stream.DecideAsync(first, takesEffect: true);
            await stream.FinishAsync(first);
            Assert.Equal(1, (await stream.DescribeAsync(default)).Messages);
            Assert.Equal(PrepareAnswer.Prepared, await stream.PrepareAsync(Publishing(second, 8, 9)));
            Assert.True(await silo.Grains.Transactions().DecideAsync(second));
            left = store.Copy();
        }

        await using (var silo = await TestSilo.StartAsync(store: left))
        {
            await UntilAsync(async () => (await QueueOf(silo, "stream").DescribeAsync(default)).Messages == 3);
            await UntilAsync(async () => (await left.ReadTablesAsync(PreparedRows.Prefix, default)).Count == 0);
        }
    }

    /// <summary>A queue with one message, which is out to a consumer, and which a transaction settles.</summary>
    private static (TestGateway Gateway, TestLink Link, TransactionId Id) Prepared(ConnectionId by)
    {
        var gateway = new TestGateway().Declare();
        var link = gateway.Open();
        link.Attach(1, prefetch: 1);
        link.Publish(0, 1);
        return (gateway, link, Prepare(gateway, link, (0, 1), by));
    }

    private static TransactionPart Settling(TestLink link, (long First, int Count) offsets, ConnectionId? by = null) =>
        new(TransactionId.New(), by ?? ConnectionId.New(), link.Session, [new SettleItem(Settlement.Ack, [new OffsetRange(offsets.First, offsets.Count)])], []);

    private static TransactionId Prepare(TestGateway gateway, TestLink link, (long First, int Count) offsets, ConnectionId? by = null)
    {
        var part = Settling(link, offsets, by);
        Assert.Equal(PrepareAnswer.Prepared, gateway.Slot.Prepare(part, gateway.Now, out _));
        gateway.DeliverPushes();
        return part.Id;
    }

    private static void Decide(TestGateway gateway, TransactionId id, bool takesEffect)
    {
        gateway.Slot.Decide(id, takesEffect, gateway.Now);
        gateway.DeliverPushes();
    }

    private static TransactionPart Publishing(TransactionId id, params long[] messages) =>
        new(id, ConnectionId.New(), default, [], [.. messages.Select(message => Batches.Of(message, 1, persistent: true))]);

    private static TransactionPart Acknowledging(TransactionId id, GrainLink link, OffsetRange offsets) =>
        new(id, ConnectionId.New(), link.Session, [new SettleItem(Settlement.Ack, [offsets])], []);

    private static IQueueGrain QueueOf(TestSilo silo, string name) => silo.Grains.Queue("/", name);

    private static async Task<IQueueGrain> DeclareAsync(TestSilo silo, string name, params (string, FieldValue)[] arguments)
    {
        var queue = QueueOf(silo, name);
        Assert.Null((await queue.DeclareAsync(TestGateway.Declaration(default, durable: true, arguments: EncodedTable.From(FieldTable.Of(arguments))))).Error);
        return queue;
    }

    /// <summary>Publishes messages that are delivered to a consumer of the same link, and not acknowledged.</summary>
    private static async Task HoldAsync(GrainLink link, params long[] messages)
    {
        await link.SendAsync([TestLink.Attachment(1, prefetch: messages.Length), .. messages.Select(message => new PublishItem(Batches.Of(message, 1, persistent: true), Resent: false))]);
        for (var given = 0; given < messages.Length;)
        {
            if (await link.Items.ReadAsync().AsTask().WaitAsync(Patience) is DeliveryItem delivery)
            {
                given += delivery.Slices.Sum(static slice => slice.Batch.Count);
            }
        }
    }

    /// <summary>Takes messages for good, and looks whether there are more.</summary>
    private static async Task<List<long>> TakeAsync(TestSilo silo, IQueueGrain queue, int count)
    {
        await UntilAsync(async () => (await queue.DescribeAsync(default)).Messages == count);
        await using var link = await GrainLink.OpenAsync(silo.Grains, queue, ConnectionId.New());
        var taken = new List<long>();
        while (true)
        {
            await link.SendAsync(new GetItem(taken.Count + 1, NoAck: true));
            while (true)
            {
                if (await link.Items.ReadAsync().AsTask().WaitAsync(Patience) is GotItem got)
                {
                    if (got.Message is not { } message)
                    {
                        return taken;
                    }

                    taken.AddRange(Batches.Ids(message));
                    break;
                }
            }
        }
    }

    private static async Task UntilAsync(Func<Task<bool>> isSo)
    {
        using var patience = new CancellationTokenSource(Patience);
        while (!await isSo())
        {
            await Task.Delay(10, patience.Token);
        }
    }
}
