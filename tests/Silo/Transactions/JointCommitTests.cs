using Granary.Amqp;
using Granary.Core;
using Granary.Core.Grains;
using Granary.Core.Links;
using Granary.Core.Transactions;
using Granary.Silo.Hosting;
using Granary.Silo.Storage;
using Granary.Silo.Storage.Memory;
using Granary.Silo.Tests.Queues;
using Granary.Silo.Tests.Storage;
using Granary.Silo.Transactions;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging.Abstractions;
using Microsoft.Extensions.Time.Testing;

namespace Granary.Silo.Tests.Transactions;

/// <summary>Transactions over queues of one silo, which need one flush.</summary>
public sealed class JointCommitTests
{
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(60);

    /// <summary>What a crash behind any flush leaves: each message is in one queue or the other, and in none twice.</summary>
    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task Silo_LostBehindAnyFlush_HasDoneAllOfATransactionOrNothing(bool isLocal)
    {
        const int Count = 3;
        var store = new RecordingStore();
        await using (var silo = await TestSilo.StartAsync(store: store, more: silo => AddLocal(silo, isLocal)))
        {
            var (from, _) = (await DeclareAsync(silo, "from"), await DeclareAsync(silo, "to"));
            await using var link = await GrainLink.OpenAsync(silo.Grains, from, ConnectionId.New());
            await HoldAsync(link, Count);
            for (var i = 0; i < Count; i++)
            {
                Assert.Equal(AtomicOutcome.Done, (await MoveAsync(silo, link, i)).Outcome);
            }

            Assert.Equal((0, Count), ((await from.DescribeAsync(default)).Messages, (await QueueOf(silo, "to").DescribeAsync(default)).Messages));
            await UntilAsync(async () => (await store.ReadRowsAsync(TransactionDecisions.Table, default)).Count == 0);
            Assert.Empty(await store.ReadTablesAsync(PreparedRows.Prefix, default));
        }

        var moved = -1L;
        foreach (var left in store.AfterEachFlush)
        {
            var prepared = await left.ReadTablesAsync(PreparedRows.Prefix, default);
            var decided = (await left.ReadRowsAsync(TransactionDecisions.Table, default)).Select(row => TransactionDecisions.Parse(row).Id).ToHashSet();
            Assert.All(prepared, row => Assert.Contains(PreparedRows.IdOf(row), decided));

            await using var silo = await TestSilo.StartAsync(store: left);
            var (from, to) = (await QueueOf(silo, "from").DescribeAsync(default), await QueueOf(silo, "to").DescribeAsync(default));
            if (from.Error is null && to.Error is null && from.Messages + to.Messages > 0)
            {
                Assert.Equal(Count, from.Messages + to.Messages);
                Assert.InRange(to.Messages, Math.Max(moved, 0), Count);
                moved = to.Messages;
            }
        }

        Assert.Equal(Count, moved);
    }

    /// <summary>What the one before did, and that it is over, goes with the flush of the next: nobody waits for that.</summary>
    [Fact]
    public async Task Transactions_OneAfterTheOther_NeedHardlyMoreThanAFlushEach()
    {
        const int Count = 100;
        var store = new FakeStore();

        // Longer than the machine takes for one, however busy it is.
        var options = new StoreOptions(StoreKind.Memory) { Leisure = TimeSpan.FromMinutes(1) };
        await using var silo = await TestSilo.StartAsync(store: store, more: silo =>
        {
            AddLocal(silo, isLocal: true);
            silo.Services.AddSingleton(options);
        });
        var (from, _) = (await DeclareAsync(silo, "from"), await DeclareAsync(silo, "to"));
        await using var link = await GrainLink.OpenAsync(silo.Grains, from, ConnectionId.New());
        await HoldAsync(link, Count);
        var before = store.Synced;
        for (var i = 0; i < Count; i++)
        {
            Assert.Equal(AtomicOutcome.Done, (await MoveAsync(silo, link, i)).Outcome);
        }

        // Three, if all were in a hurry.
        Assert.InRange(store.Synced - before, Count, Count + 1);
        await UntilAsync(async () =>
        {
            await silo.Services.GetRequiredService<GroupCommit>().WriteAsync(new RowChange(new RowKey("tests", "next"), new byte[] { 1 }, null));
            return (await store.ReadRowsAsync(TransactionDecisions.Table, default)).Count == 0;
        });
        Assert.Empty(await store.ReadTablesAsync(PreparedRows.Prefix, default));
    }

    [Theory]
    [MemberData(nameof(Seeds.All), MemberType = typeof(Seeds))]
    public Task Transaction_TakesEffectOnce_HoweverCallsAreTreated(int? seed) => TakeEffectOnceAsync(seed, isLocal: false);

    [Theory]
    [MemberData(nameof(Seeds.All), MemberType = typeof(Seeds))]
    public Task Transaction_WithoutCalls_TakesEffectOnce(int? seed) => TakeEffectOnceAsync(seed, isLocal: true);

    private static async Task TakeEffectOnceAsync(int? seed, bool isLocal)
    {
        const int Count = 20;
        await using var silo = await TestSilo.StartAsync(seed, store: new MemoryStore(), more: silo => AddLocal(silo, isLocal));
        var (from, to) = (await DeclareAsync(silo, "from"), await DeclareAsync(silo, "to"));
        await using var link = await GrainLink.OpenAsync(silo.Grains, from, ConnectionId.New());
        await HoldAsync(link, Count);
        for (var i = 0; i < Count; i++)
        {
            Assert.Equal(AtomicOutcome.Done, (await MoveAsync(silo, link, i)).Outcome);
        }

        Assert.Equal((0, Count), (await CountAsync(from), await CountAsync(to)));
    }

    /// <summary>What a copy of a call stores might come behind what the first one has cleared away, and stay.</summary>
    [Fact]
    public async Task Call_ThatComesTwiceAtOnce_IsCarriedOutOnce()
    {
        var store = new FakeStore();
        await using var silo = await TestSilo.StartAsync(store: store);
        var (from, to) = (await DeclareAsync(silo, "from"), await DeclareAsync(silo, "to"));
        await using var link = await GrainLink.OpenAsync(silo.Grains, from, ConnectionId.New());
        await HoldAsync(link, 1);
        var parts = PartsOf(link, 0).Select(static part => new QueuePart(part.Key, part.Value)).ToArray();
        store.Hold();
        var calls = new[] { from.CommitTogetherAsync(parts).AsTask(), from.CommitTogetherAsync(parts).AsTask() };
        await from.DescribeAsync(default);
        store.Release();

        Assert.All(await Task.WhenAll(calls), static answer => Assert.Equal(JointOutcome.Done, answer.Outcome));
        await UntilAsync(async () => (await store.ReadTablesAsync(PreparedRows.Prefix, default)).Count == 0);
        Assert.Equal(2, store.RowsWritten.Count(static row => row.Table.StartsWith(PreparedRows.Prefix, StringComparison.Ordinal)));
        Assert.Equal((0, 1), ((await from.DescribeAsync(default)).Messages, (await to.DescribeAsync(default)).Messages));
    }

    [Fact]
    public async Task Queue_ThatCannotDoItsPart_KeepsTheOthersFromDoingTheirs()
    {
        var store = new MemoryStore();
        await using var silo = await TestSilo.StartAsync(store: store);
        var from = await DeclareAsync(silo, "from");
        var to = await DeclareAsync(silo, "to", ("x-max-length", 1), ("x-overflow", "reject-publish"));
        await using var link = await GrainLink.OpenAsync(silo.Grains, from, ConnectionId.New());
        await HoldAsync(link, 3);
        Assert.Equal(AtomicOutcome.NotHeld, (await MoveAsync(silo, link, 3)).Outcome);
        Assert.Equal(AtomicOutcome.Done, (await MoveAsync(silo, link, 0)).Outcome);
        Assert.Equal(AtomicOutcome.Full, (await MoveAsync(silo, link, 1)).Outcome);
        await link.SendAsync(new CloseItem());
        Assert.Equal((2, 1), ((await from.DescribeAsync(default)).Messages, (await to.DescribeAsync(default)).Messages));
        await UntilAsync(async () => (await store.ReadTablesAsync(PreparedRows.Prefix, default)).Count == 0);
    }

    /// <summary>What the silo stores at once it does not store if one of the queues is another activation's by then.</summary>
    [Fact]
    public async Task Queue_ThatAnotherOneHas_KeepsAllFromBeingStored()
    {
        var store = new MemoryStore();
        await using var silo = await TestSilo.StartAsync(store: store);
        silo.Watched.Allow(3004);
        var (from, to) = (await DeclareAsync(silo, "from"), await DeclareAsync(silo, "to"));
        await using var link = await GrainLink.OpenAsync(silo.Grains, from, ConnectionId.New());
        await HoldAsync(link, 1);
        await UntilAsync(async () => (await store.CountMessagesAsync(default)).Count == 1);
        var identity = (await store.CountMessagesAsync(default)).Single().Queue;
        await store.TakeOverAsync(identity, long.MaxValue, default);

        Assert.NotEqual(AtomicOutcome.Done, (await MoveAsync(silo, link, 0, TimeSpan.FromSeconds(1))).Outcome);
        Assert.Equal(0, (await to.DescribeAsync(default)).Messages);
        Assert.DoesNotContain(await store.ReadRowsAsync(TransactionDecisions.Table, default), row => TransactionDecisions.Parse(row).TakesEffect);
    }

    [Fact]
    public void Queues_ThatAreApart_AreBelievedToBeSoForAWhile()
    {
        var clock = new FakeTimeProvider();
        var apart = new QueuesApart(clock);
        apart.Note("/", ["a", "b"]);
        Assert.True(apart.Has("/", ["b", "a"]));
        Assert.False(apart.Has("/", ["a", "c"]) || apart.Has("/", ["a"]) || apart.Has("other", ["a", "b"]));
        clock.Advance(TimeSpan.FromSeconds(30));
        Assert.False(apart.Has("/", ["a", "b"]));
    }

    private static void AddLocal(ISiloBuilder silo, bool isLocal)
    {
        if (isLocal)
        {
            silo.AddLocalLinks();
        }
    }

    /// <summary>Acknowledges one message and publishes one to the other queue.</summary>
    private static Task<AtomicResult> MoveAsync(TestSilo silo, GrainLink link, int offset, TimeSpan? patience = null)
    {
        var commit = new AtomicCommit(
            silo.Grains, "/", TimeProvider.System, patience ?? Patience, NullLogger.Instance, CancellationToken.None, apart: new QueuesApart(TimeProvider.System),
            local: silo.Services.GetService<ILocalTransactions>());
        return commit.RunAsync(PartsOf(link, offset), static _ => false);
    }

    private static Dictionary<string, TransactionPart> PartsOf(GrainLink link, int offset)
    {
        var (id, by) = (TransactionId.New(), ConnectionId.New());
        return new Dictionary<string, TransactionPart>
        {
            ["from"] = new(id, by, link.Session, [new SettleItem(Settlement.Ack, [new OffsetRange(offset, 1)])], []),
            ["to"] = new(id, by, default, [], [Batches.Of(offset, 1, persistent: true)]),
        };
    }

    private static async Task<long> CountAsync(IQueueGrain queue) =>
        (await PatientCall.AskAsync(() => queue.DescribeAsync(default), TimeProvider.System, Patience, static _ => { }, CancellationToken.None)).Messages;

    private static IQueueGrain QueueOf(TestSilo silo, string name) => silo.Grains.Queue("/", name);

    private static async Task<IQueueGrain> DeclareAsync(TestSilo silo, string name, params (string, FieldValue)[] arguments)
    {
        var queue = QueueOf(silo, name);
        var declaration = TestGateway.Declaration(default, durable: true, arguments: EncodedTable.From(FieldTable.Of(arguments)));
        Assert.Null((await PatientCall.AskAsync(() => queue.DeclareAsync(declaration), TimeProvider.System, Patience, static _ => { }, CancellationToken.None)).Error);
        return queue;
    }

    /// <summary>Publishes messages that are delivered to a consumer of the same link, and not acknowledged.</summary>
    private static async Task HoldAsync(GrainLink link, int count)
    {
        await link.SendAsync([TestLink.Attachment(1, prefetch: count), new PublishItem(Batches.Of(0, count, persistent: true), Resent: false)]);
        for (var given = 0; given < count;)
        {
            if (await link.Items.ReadAsync().AsTask().WaitAsync(Patience) is DeliveryItem delivery)
            {
                given += delivery.Slices.Sum(static slice => slice.Batch.Count);
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
