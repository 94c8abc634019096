using Granary.Amqp;
using Granary.Core;
using Granary.Core.Links;
using Granary.Core.Messages;
using Granary.Silo.Hosting;
using Granary.Silo.Queues;
using Granary.Silo.Queues.Definition;
using Granary.Silo.Storage;
using Granary.Silo.Tests.Queues.Walks;
using Granary.Silo.Tests.Storage;
using Granary.Testing.Postgres;
using Microsoft.Extensions.Logging.Abstractions;

namespace Granary.Silo.Tests.Queues;

/// <summary>Messages that only the store has expire as those in memory do: in time, wherever they stand, counted exactly, and unread where nobody wants them.</summary>
public sealed class PagedExpiryTests
{
    private const int Messages = 900;
    private const int Budget = 20_000;

    public static TheoryData<StoreKind, string, bool> Kinds
    {
        get
        {
            var kinds = new TheoryData<StoreKind, string, bool>();
            foreach (var kind in Enum.GetValues<StoreKind>())
            {
                foreach (var queue in new[] { "classic", "quorum", "priorities" })
                {
                    kinds.Add(kind, queue, queue != "quorum");
                    kinds.Add(kind, queue, queue == "quorum");
                }
            }

            return kinds;
        }
    }

    [Theory]
    [MemberData(nameof(Kinds))]
    public async Task Messages_BeyondMemory_ExpireInTime_AlsoAfterARestart(StoreKind kind, string queue, bool hasDeadLetters)
    {
        var folder = Directory.CreateTempSubdirectory("granary-expiry-");
        var database = kind == StoreKind.Postgres ? await (await PostgresServer.SharedAsync()).CreateDatabaseAsync() : "";
        var store = WideWalkTests.NewStore(kind, Path.Combine(folder.FullName, "store"), database);
        await store.OpenAsync(CancellationToken.None);
        await using (var commit = new GroupCommit(store, NullLogger<GroupCommit>.Instance, static _ => { }))
        {
            await RunAsync(commit, queue, hasDeadLetters);
        }

        await store.DisposeAsync();
        folder.Delete(recursive: true);
    }

    /// <summary>The store has what expired until its dead letters have arrived: it is not taken for what is around it.</summary>
    [Theory]
    [InlineData("classic", false)]
    [InlineData("classic", true)]
    [InlineData("priorities", false)]
    [InlineData("priorities", true)]
    public async Task DeadLettersUnderWay_AreNeitherDeliveredNorPurged(string queue, bool isPurged)
    {
        var store = new FakeStore();
        await using var commit = new GroupCommit(store, NullLogger<GroupCommit>.Instance, static _ => { });
        var gateway = Fill(new QueueStores(commit, commit, new MemoryBudget(Budget, long.MaxValue)), queue, hasDeadLetters: true);
        gateway.Now = 1_300;
        gateway.Slot.RunDue(gateway.Now);
        gateway.Pump();
        var expired = Enumerable.Range(0, Messages).Select(static id => (long)id).Where(id => Expiry(id) <= 300).ToArray();
        Assert.Equal(Messages - expired.Length, gateway.Queue.ReadyCount);
        if (isPurged)
        {
            Assert.Equal(Messages - expired.Length, gateway.Slot.Purge(gateway.Connection, gateway.Now).Messages);
            gateway.Pump();
        }
        else
        {
            var link = gateway.Open();
            link.Attach(1, noAck: true);
            Assert.Equal(Enumerable.Range(0, Messages).Select(static id => (long)id).Except(expired), link.GivenIds(1).Order());
        }

        Assert.Equal((0, 0), (gateway.Queue.ReadyCount, gateway.Queue.ReadyBytes));
        Assert.Equal(expired, store.Offsets(gateway.Queue.Storage!.Journal.Queue.Identity).Order());
        Assert.Equal(expired, gateway.Slot.Dead.SelectMany(static dead => Enumerable.Range(0, dead.Run.Count).Select(i => dead.Run.First + i)).Order());
    }

    /// <summary>Messages most of which only the store has.</summary>
    private static TestGateway Fill(QueueStores stores, string queue, bool hasDeadLetters)
    {
        var arguments = queue == "quorum" ? FieldTable.Of(("x-queue-type", "quorum")) : queue == "priorities" ? FieldTable.Of(("x-max-priority", 2)) : FieldTable.Of();
        arguments = hasDeadLetters ? arguments.With("x-dead-letter-exchange", "dlx") : arguments;
        var gateway = new TestGateway(stores).Declare(durable: true, arguments: EncodedTable.From(arguments));
        var link = gateway.Open();
        for (var first = 0; first < Messages; first += 18)
        {
            link.Send(new PublishItem(Batch(first, queue), false));
        }

        Assert.InRange(gateway.Queue.PagedCount, Messages / 4, Messages);
        return gateway;
    }

    private static async Task RunAsync(GroupCommit commit, string queue, bool hasDeadLetters)
    {
        var stores = new QueueStores(commit, commit, new MemoryBudget(Budget, long.MaxValue));
        var gateway = Fill(stores, queue, hasDeadLetters);
        List<long> left = [.. Enumerable.Range(0, Messages)];
        Check(gateway, left);
        for (var now = 1_100; now <= 1_700; now += 100)
        {
            if (now is 1_300 or 1_500)
            {
                gateway = await RestartAsync(gateway, stores);
                Check(gateway, left);
            }

            gateway.Now = now;
            var expired = left.Where(id => Expiry(id) is { } own && 1_000 + own <= now).ToArray();
            left.RemoveAll(expired.Contains);
            Assert.Equal(hasDeadLetters ? expired : [], RunDue(gateway).Order());
            Check(gateway, left);
        }

        Assert.Equal(Messages / 3, left.Count);
        var link = gateway.Open();
        link.Attach(1, noAck: true);
        Assert.Equal(left.OrderByDescending(id => queue == "priorities" ? id % 3 % 2 : 0), link.GivenIds(1));
        Assert.Equal((0, 0), (gateway.Queue.ReadyCount, gateway.Queue.ReadyBytes));
        Assert.Equal(long.MaxValue, gateway.Slot.NextDue);
    }

    private static long? Expiry(long id) => id % 9 / 3 == 0 ? null : 20 + (id * 37 % 500);

    private static MessageBatch Batch(long first, string queue) => Batches.Of(
        first, 18, static id => 200 + (int)(id % 7), Expiry, persistent: true, priority: queue == "priorities" ? static id => (byte)(id % 3 % 2) : null);

    private static long LengthOf(long id) => Batches.Of(id, 1, static id => 200 + (int)(id % 7), Expiry).Records.Length;

    private static void Check(TestGateway gateway, List<long> left) =>
        Assert.Equal((left.Count, left.Sum(LengthOf)), (gateway.Queue.ReadyCount, gateway.Queue.ReadyBytes));

    /// <summary>What died, by its offsets, which are the ids.</summary>
    private static List<long> RunDue(TestGateway gateway)
    {
        do
        {
            gateway.Slot.RunDue(gateway.Now);
            gateway.Pump();
        }
        while (gateway.Slot.NextDue <= gateway.Now);

        List<long> offsets = [];
        foreach (var dead in gateway.Slot.Dead)
        {
            offsets.AddRange(Enumerable.Range(0, dead.Run.Count).Select(i => dead.Run.First + i));
            dead.Waiting?.Remove(dead.Run.Length);
            gateway.Queue.Forget(dead.Run.First, dead.Run.End);
        }

        gateway.Slot.Dead.Clear();
        gateway.Pump();
        return offsets;
    }

    private static async Task<TestGateway> RestartAsync(TestGateway gateway, QueueStores stores)
    {
        var before = gateway.Queue;
        before.CloseStorage();
        await before.Storage!.Journal.FlushAsync();
        var identity = before.Storage.Journal.Queue.Identity;
        var definition = QueueDefinition.Stored("/", "q", before.Definition.ToDeclaration());
        var storage = (await stores.TakeOverAsync(identity, TestGateway.Epoch, default))!;
        storage = definition.Settings.Priorities is { } rule ? await stores.ReadPrioritiesAsync(storage, rule, default) : storage;
        var next = new TestGateway(stores) { Now = gateway.Now };
        next.Slot.Restore(definition, identity.Incarnation, [], storage, gateway.Now, [], gateway.Now);
        return next;
    }
}
