using Granary.Core;
using Granary.Core.Figures;
using Granary.Core.Grains;
using Granary.Core.Messages;
using Granary.Core.Topology;
using Granary.Silo.Queues.Activation;
using Granary.Silo.Queues.Messages;
using Granary.Silo.Storage;
using Granary.Silo.Storage.Memory;
using Microsoft.Extensions.DependencyInjection;

namespace Granary.Silo.Tests.Figures;

/// <summary>What a process tells of queues and exchanges, used and not.</summary>
public sealed class ClusterFiguresTests
{
    private const FigureKinds Topology = FigureKinds.Queues | FigureKinds.Exchanges | FigureKinds.Bindings | FigureKinds.Stored;

    private static readonly ConnectionId Client = ConnectionId.New();

    [Fact]
    public async Task Picture_AfterARestart_HasWhatIsStoredAndActivatesNothing()
    {
        var store = new MemoryStore();
        await using (var before = await StartAsync(store))
        {
            await DeclareAsync(before.Grains, "q", durable: true);
            await before.Grains.Exchange("/", "x").DeclareAsync(new ExchangeDeclaration("direct", Durable: true, AutoDelete: false, Internal: false, default));
            await BindAsync(before.Grains, "x", "q", "key");
            await BindAsync(before.Grains, "amq.fanout", "q", "other");
        }

        await using var silo = await StartAsync(store);
        var picture = await TakeAsync(silo);

        var queue = Assert.Single(picture.Queues).Figure;
        Assert.Equal(("%2F/q", false), (queue.Key, queue.IsActive));
        Assert.Equal(
            [("%2F/amq.fanout", "other"), ("%2F/x", "key")],
            picture.Exchanges.Select(exchange => (exchange.Key, Assert.Single(exchange.Bindings).RoutingKey)).Order());
        Assert.Empty(silo.Services.GetRequiredService<LocalQueues>().Inboxes);
    }

    [Fact]
    public async Task Picture_OfWhatIsUsed_IsOfTheMoment()
    {
        await using var silo = await StartAsync(new MemoryStore());
        await DeclareAsync(silo.Grains, "durable", durable: true);
        await DeclareAsync(silo.Grains, "transient", durable: false);
        await silo.Grains.Exchange("/", "x").DeclareAsync(new ExchangeDeclaration("topic", Durable: false, AutoDelete: false, Internal: false, default));
        await BindAsync(silo.Grains, "x", "transient", "a.b");

        var picture = await TakeAsync(silo);
        Assert.Equal([("%2F/durable", true), ("%2F/transient", true)], picture.Queues.Select(queue => (queue.Figure.Key, queue.Figure.IsActive)).Order());
        Assert.Equal("transient", Assert.Single(Assert.Single(picture.Exchanges, exchange => exchange.Key == "%2F/x").Bindings).Destination.Name);

        // What was just read of the store still has them.
        await silo.Grains.Queue("/", "durable").DeleteAsync(Client, ifUnused: false, ifEmpty: false);
        await silo.Grains.Exchange("/", "x").DeleteAsync(ifUnused: false);
        picture = await TakeAsync(silo);
        Assert.Equal(["%2F/transient"], picture.Queues.Select(queue => queue.Figure.Key));
        Assert.DoesNotContain(picture.Exchanges, exchange => exchange.Key == "%2F/x");

        await DeclareAsync(silo.Grains, "durable", durable: true);
        Assert.Equal(2, (await TakeAsync(silo)).Queues.Count);
    }

    [Fact]
    public void Nodes_OnOneMachine_AreToldApartByTheirPorts()
    {
        NodeFigure[] nodes = [new("one") { Address = "10.0.0.1:11111" }, new("two") { Address = "10.0.0.2:11111" }, new("two") { Address = "10.0.0.2:11112" }];
        Assert.Equal(["rabbit@one", "rabbit@two-11111", "rabbit@two-11112"], ClusterFigures.NamesOf(nodes));
    }

    [Fact]
    public void Nodes_WithNamesOfTheirOwn_AreCalledByThem() => Assert.Equal(["hare@one", "rabbit@two"], ClusterFigures.NamesOf([new("hare@one"), new("two")]));

    [Fact]
    public async Task Picture_OfQueuesThatNobodyUses_HasWhatTheStoreHasOfThem()
    {
        var store = new MemoryStore();
        Guid incarnation;
        await using (var before = await StartAsync(store))
        {
            await DeclareAsync(before.Grains, "q", durable: true);
            await DeclareAsync(before.Grains, "empty", durable: true);
            incarnation = (await before.Grains.Queue("/", "q").DescribeAsync(Client)).Incarnation;
        }

        await WriteAsync(store, new QueueIdentity("%2F/q", incarnation), 7);
        await using var silo = await StartAsync(store);
        Assert.Equal([("%2F/empty", 0L), ("%2F/q", 7L)], (await TakeAsync(silo)).Queues.Select(queue => (queue.Figure.Key, queue.Figure.Ready)).Order());

        var figures = silo.Services.GetRequiredService<ClusterFigures>();
        Assert.Equal(7, Assert.Single((await figures.TakeOfQueueAsync("%2F/q", FigureKinds.None, CancellationToken.None)).Queues).Figure.Ready);
        Assert.Empty((await figures.TakeOfQueueAsync("%2F/none", FigureKinds.None, CancellationToken.None)).Queues);
        Assert.Empty(silo.Services.GetRequiredService<LocalQueues>().Inboxes);

        // One that is used tells itself.
        Assert.Equal(7, (await silo.Grains.Queue("/", "q").DescribeAsync(Client)).Messages);
        var used = Assert.Single((await figures.TakeOfQueueAsync("%2F/q", FigureKinds.None, CancellationToken.None)).Queues).Figure;
        Assert.Equal((7, true), (used.Ready, used.IsActive));
    }

    private static async Task WriteAsync(MemoryStore store, QueueIdentity queue, int count)
    {
        var length = (int)MessageRecord.SizeOf(hasExpiry: false, 0, 1, 0, 1);
        var records = new byte[length * count];
        for (var i = 0; i < count; i++)
        {
            MessageRecord.WriteHead(records.AsSpan(i * length), MessageFlags.Persistent, 0, 0, [], "q"u8, [], 1);
        }

        var changes = new QueueChanges(await store.TakeOverAsync(queue, 0, CancellationToken.None)) { OffsetBound = count };
        changes.Runs.Add(new MessageRun(records, 0, count, Redelivered: false, MessageFlags.Persistent, Since: 0));
        var flush = new Flush();
        flush.Queues.Add(changes);
        Assert.Empty((await store.FlushAsync(flush, CancellationToken.None)).Fenced);
    }

    private static Task<TestSilo> StartAsync(MemoryStore store) => TestSilo.StartAsync(store: store, more: silo => silo.Services.AddFigures());

    private static Task<Picture> TakeAsync(TestSilo silo) => silo.Services.GetRequiredService<ClusterFigures>().TakeAsync(Topology, CancellationToken.None);

    private static async Task DeclareAsync(IGrainFactory grains, string name, bool durable) => Assert.Null(
        (await grains.Queue("/", name).DeclareAsync(new QueueDeclaration(Client, durable, Exclusive: false, AutoDelete: false, default, ReservedNameAllowed: false))).Error);

    private static async Task BindAsync(IGrainFactory grains, string exchange, string queue, string key)
    {
        var source = await grains.Queue("/", queue).AddBindingSourceAsync(Client, exchange);
        Assert.Null(await grains.Exchange("/", exchange).BindAsync(
            new Binding(new Destination(DestinationKind.Queue, queue, source.Incarnation), key, default), source.Durable));
    }
}
