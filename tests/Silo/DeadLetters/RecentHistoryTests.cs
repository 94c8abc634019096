using System.Text;
using Granary.Core;
using Granary.Core.Grains;
using Granary.Core.Links;
using Granary.Core.Routing;
using Granary.Core.Topology;
using Granary.Silo.Storage.Memory;
using Granary.Silo.Tests.Queues;
using Microsoft.Extensions.Logging.Abstractions;

namespace Granary.Silo.Tests.DeadLetters;

/// <summary>Exchanges of the type x-recent-history and their hidden queues between grains, also where calls are lost, repeated and reordered.</summary>
public sealed class RecentHistoryTests
{
    private const string Name = "history";

    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(60);

    // What a silo may still push to, for calls come late: it must not be collected before.
    private readonly List<object> _kept = [];

    [Theory]
    [MemberData(nameof(Seeds.All), MemberType = typeof(Seeds))]
    public async Task Queues_ThatAreBound_HaveTheLastMessagesOnce_HoweverCallsAreTreated(int? seed)
    {
        await using var silo = await TestSilo.StartAsync(seed);
        await DeclareAsync(silo);
        await PublishAsync(silo, 0, 30);
        foreach (var queue in new[] { "first", "second" })
        {
            await BindAsync(silo, queue);
            Assert.Equal(Enumerable.Range(10, 20).Select(static id => (long)id), await TakeAsync(silo, queue, 20));
        }
    }

    /// <param name="after">So many are published after it, before somebody is bound.</param>
    [Theory]
    [InlineData(0)]
    [InlineData(1)]
    public async Task History_OfADurableExchange_SurvivesARestart(int after)
    {
        var store = new MemoryStore();
        await using (var silo = await TestSilo.StartAsync(store: store))
        {
            await DeclareAsync(silo);
            await PublishAsync(silo, 0, 30);
        }

        await using var again = await TestSilo.StartAsync(store: store);
        if (after > 0)
        {
            await PublishAsync(again, 30, after);
        }

        await BindAsync(again, "late");
        Assert.Equal(Enumerable.Range(10 + after, 20).Select(static id => (long)id), await TakeAsync(again, "late", 20));
    }

    [Fact]
    public async Task Exchange_ThatIsDeleted_TakesItsHistoryWithIt()
    {
        var store = new MemoryStore();
        await using var silo = await TestSilo.StartAsync(store: store);
        await DeclareAsync(silo);
        await PublishAsync(silo, 0, 3);
        Assert.Contains(await store.CountMessagesAsync(default), static queue => queue.Queue.Key.Contains("amq.history", StringComparison.Ordinal));
        Assert.Null(await Exchange(silo).DeleteAsync(ifUnused: false));
        Assert.DoesNotContain(await store.CountMessagesAsync(default), static queue => queue.Queue.Key.Contains("amq.history", StringComparison.Ordinal));
    }

    private static IExchangeGrain Exchange(TestSilo silo) => silo.Grains.Exchange("/", Name);

    private static Task DeclareAsync(TestSilo silo) => AskAsync(async () =>
        Assert.Null(await Exchange(silo).DeclareAsync(new ExchangeDeclaration(ExchangeTypes.RecentHistory, Durable: true, AutoDelete: false, Internal: false, default))));

    private static async Task BindAsync(TestSilo silo, string queue)
    {
        await AskAsync(async () => Assert.Null((await silo.Grains.Queue("/", queue).DeclareAsync(TestGateway.Declaration(default, durable: true))).Error));
        await AskAsync(async () => Assert.Null(await Exchange(silo).BindAsync(new Binding(new Destination(DestinationKind.Queue, queue, default), "k", default), toDurable: true)));
    }

    /// <summary>Sends messages, one by one, where the exchange's router sends them; all are stored when it returns.</summary>
    private async Task PublishAsync(TestSilo silo, int first, int count)
    {
        using var router = new Router(silo.Grains, TimeProvider.System, NullLogger<Router>.Instance);
        _kept.Add(router);
        string? queue = null;
        await AskAsync(async () => queue = Assert.Single(
            (await router.RouteAsync("/", Encoding.UTF8.GetBytes(Name), "k"u8.ToArray(), ReadOnlyMemory<byte>.Empty, default)).Queues,
            static name => name.StartsWith("amq.history.", StringComparison.Ordinal)));
        await using var link = await GrainLink.OpenAsync(silo.Grains, silo.Grains.Queue("/", queue!), ConnectionId.New(), new PublishItem(Batches.Of(first, 1), false));
        _kept.Add(link);
        for (var id = first + 1; id < first + count; id++)
        {
            await link.SendAsync(new PublishItem(Batches.Of(id, 1), false));
        }

        var answered = 0;
        while (answered < count)
        {
            if (await link.Items.ReadAsync().AsTask().WaitAsync(Patience) is PublishedItem published)
            {
                answered++;
                await UntilAsync(() => link.Watermark > published.FirstOffset);
            }
        }
    }

    private async Task<List<long>> TakeAsync(TestSilo silo, string queue, int count)
    {
        await using var link = await GrainLink.OpenAsync(silo.Grains, silo.Grains.Queue("/", queue), ConnectionId.New());
        _kept.Add(link);
        await link.SendAsync(TestLink.Attachment(1, noAck: true));
        List<long> ids = [];
        while (ids.Count < count)
        {
            if (await link.Items.ReadAsync().AsTask().WaitAsync(Patience) is DeliveryItem delivery)
            {
                ids.AddRange(delivery.Slices.SelectMany(Batches.Ids));
            }
        }

        return ids;
    }

    private static async Task UntilAsync(Func<bool> isSo)
    {
        using var patience = new CancellationTokenSource(Patience);
        while (!isSo())
        {
            await Task.Delay(10, patience.Token);
        }
    }

    /// <summary>Calls that fail are made again, as gateways do.</summary>
    private static async Task AskAsync(Func<Task> call)
    {
        using var patience = new CancellationTokenSource(Patience);
        while (true)
        {
            try
            {
                await call();
                return;
            }
            catch (Exception exception) when (exception is not Xunit.Sdk.XunitException && !patience.IsCancellationRequested)
            {
                await Task.Delay(10, patience.Token);
            }
        }
    }
}
