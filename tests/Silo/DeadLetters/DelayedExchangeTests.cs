using System.Globalization;
using System.Text;
using Granary.Amqp;
using Granary.Core;
using Granary.Core.Grains;
using Granary.Core.Links;
using Granary.Core.Messages;
using Granary.Core.Routing;
using Granary.Core.Topology;
using Granary.Silo.Storage.Memory;
using Granary.Silo.Tests.Queues;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging.Abstractions;
using Microsoft.Extensions.Time.Testing;

namespace Granary.Silo.Tests.DeadLetters;

/// <summary>Exchanges of the type x-delayed-message and their hidden queues between grains, also where calls are lost, repeated and reordered.</summary>
public sealed class DelayedExchangeTests
{
    private const string Name = "delays";

    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(60);

    // Of the silos that go by it: nothing is due there but while something is waited for.
    private readonly FakeTimeProvider _time = new(DateTimeOffset.UtcNow);

    // The runtime holds observers weakly, and warns when one that is still told of something is gone.
    private readonly List<object> _kept = [];

    [Theory]
    [MemberData(nameof(Seeds.All), MemberType = typeof(Seeds))]
    public async Task Messages_ArriveOnceAndInTheOrderOfTheirTimes_HoweverCallsAreTreated(int? seed)
    {
        const int Count = 300;
        await using var silo = await TestSilo.StartAsync(seed);
        await DeclareAsync(silo);
        await using var collector = await CollectAsync(silo, "target");
        await using var link = await OpenHiddenAsync(silo);

        // Each three are due together, a tenth of a second before the three that came before them.
        for (var i = 0; i < Count; i += 3)
        {
            var delay = 1_000 + ((Count - i) * 2L);
            await link.SendAsync(new PublishItem(Batches.Delayed(i, delay, delay, delay), false));
        }

        var taken = new List<long>();
        while (taken.Count < Count)
        {
            foreach (var slice in await NextAsync(collector))
            {
                var record = new MessageRecord(slice.Batch.Records.Span);
                Assert.True(BasicPropertiesView.Read(record.Properties).TryGetHeaders(out var headers));
                Assert.True(FieldTable.Decode(headers).TryGetValue("x-delay", out var delay) && delay.TryGetInteger(out var number) && number < -1_000);
                taken.AddRange(Batches.Ids(slice));
            }
        }

        Assert.Equal(Count, taken.Distinct().Count());
        Assert.All(taken.Chunk(3), three => Assert.Equal([three[0], three[0] + 1, three[0] + 2], three));
    }

    [Fact]
    public async Task Bindings_OfTheTimeWhenAMessageIsDue_SayWhereItGoes()
    {
        await using var silo = await StartAsync();
        await DeclareAsync(silo, "early");
        await using var early = await CollectAsync(silo, "early");
        await using var link = await OpenHiddenAsync(silo);
        await link.SendAsync(new PublishItem(Batches.Delayed(0, 1), false));
        Assert.Equal(0, Assert.Single(await PassUntilIdsAsync(early)));
        await link.SendAsync(new PublishItem(Batches.Delayed(1, 300), false));
        await BindAsync(silo, "late");
        Assert.Null(await Exchange(silo).UnbindAsync(Binding("early")));
        await using var late = await CollectAsync(silo, "late");
        Assert.Equal(1, Assert.Single(await PassUntilIdsAsync(late)));
        Assert.False(early.Items.TryRead(out var item) && item is DeliveryItem);
    }

    [Fact]
    public async Task Exchange_ThatIsDeleted_TakesWhatItDelaysWithIt()
    {
        var store = new MemoryStore();
        await using var silo = await StartAsync(store);
        await DeclareAsync(silo);
        await using var collector = await CollectAsync(silo, "target");
        await using (var link = await OpenHiddenAsync(silo))
        {
            await link.SendAsync(new PublishItem(Batches.Delayed(0, 200), false));
            Assert.Null(await Exchange(silo).DeleteAsync(ifUnused: false));
        }

        Assert.DoesNotContain(await store.CountMessagesAsync(default), queue => queue.Queue.Key.Contains("amq.delayed", StringComparison.Ordinal));
        await DeclareAsync(silo);
        await using var next = await OpenHiddenAsync(silo);
        await next.SendAsync(new PublishItem(Batches.Delayed(1, 400), false));
        Assert.Equal(1, Assert.Single(await PassUntilIdsAsync(collector)));
    }

    [Fact]
    public async Task Messages_ArriveAfterARestart_WithNobodyCalling()
    {
        var store = new MemoryStore();
        await using (var silo = await StartAsync(store))
        {
            await DeclareAsync(silo);
            await using var link = await OpenHiddenAsync(silo);
            await link.SendAsync(new PublishItem(Batches.Delayed(0, 700, 400, 60_000_000), false));
        }

        await using var again = await StartAsync(store);
        await using var collector = await CollectAsync(again, "target");
        var ids = new List<long>();
        while (ids.Count < 2)
        {
            ids.AddRange(await PassUntilIdsAsync(collector));
        }

        Assert.Equal([1, 0], ids);
    }

    /// <summary>That something was due is not forgotten before it has arrived where it goes.</summary>
    [Fact]
    public async Task Messages_OnTheirWayAtACrash_ArriveAfterARestart_WithNobodyCalling()
    {
        const string Other = "other-delays";
        var store = new MemoryStore();
        MemoryStore crashed;
        await using (var silo = await TestSilo.StartAsync(store: store, more: silo => silo.AddIncomingGrainCallFilter(context =>
            context.InterfaceMethod?.Name == nameof(IQueueGrain.SendAsync) && context.TargetId.Key.ToString()!.EndsWith("away", StringComparison.Ordinal)
                ? throw new TimeoutException("It is out of reach (test).")
                : context.Invoke())))
        {
            await DeclareAsync(silo, "away");
            await DeclareAsync(silo, "there", Other);
            await using var there = await CollectAsync(silo, "there");
            await using var link = await OpenHiddenAsync(silo);
            await using var otherLink = await OpenHiddenAsync(silo, Other);
            await link.SendAsync(new PublishItem(Batches.Delayed(0, 1), false));
            await otherLink.SendAsync(new PublishItem(Batches.Delayed(1, 100), false));
            Assert.Equal(1, Assert.Single(await NextIdsAsync(there)));

            // With this one, all is written that is due later now.
            await WhenDueLaterAsync(store, Other);
            crashed = store.Copy();
        }

        await using var again = await TestSilo.StartAsync(store: crashed);
        await using var collector = await CollectAsync(again, "away");
        Assert.Equal(0, Assert.Single(await NextIdsAsync(collector)));
    }

    private Task<TestSilo> StartAsync(MemoryStore? store = null) => TestSilo.StartAsync(store: store, more: silo => silo.Services.AddSingleton<TimeProvider>(_time));

    private static async Task WhenDueLaterAsync(MemoryStore store, string exchange)
    {
        while (!(await store.ReadRowsAsync("due", default)).Any(row =>
            row.Key.Key.Contains(exchange, StringComparison.Ordinal)
            && DateTimeOffset.FromUnixTimeMilliseconds(long.Parse(Encoding.ASCII.GetString(row.Value.Span), CultureInfo.InvariantCulture)) > DateTimeOffset.UtcNow.AddDays(1)))
        {
            await Task.Delay(20);
        }
    }

    private static IExchangeGrain Exchange(TestSilo silo, string name = Name) => silo.Grains.Exchange("/", name);

    private static Binding Binding(string queue) => new(new Destination(DestinationKind.Queue, queue, default), "k", default);

    private static async Task DeclareAsync(TestSilo silo, string queue = "target", string exchange = Name)
    {
        var arguments = EncodedTable.From(FieldTable.Of([("x-delayed-type", "direct")]));
        await AskAsync(async () => Assert.Null(await Exchange(silo, exchange).DeclareAsync(new ExchangeDeclaration(ExchangeTypes.DelayedMessage, true, false, false, arguments))));
        await BindAsync(silo, queue, exchange);
    }

    private static async Task BindAsync(TestSilo silo, string queue, string exchange = Name)
    {
        await AskAsync(async () => Assert.Null((await silo.Grains.Queue("/", queue).DeclareAsync(TestGateway.Declaration(default, durable: true))).Error));
        await AskAsync(async () => Assert.Null(await Exchange(silo, exchange).BindAsync(Binding(queue), toDurable: true)));
    }

    /// <summary>A link to where the exchange's router sends what is to be delayed.</summary>
    private async Task<GrainLink> OpenHiddenAsync(TestSilo silo, string exchange = Name)
    {
        using var router = new Router(silo.Grains, TimeProvider.System, NullLogger<Router>.Instance);
        _kept.Add(router);
        var properties = BasicPropertiesEdit.WithHeaders([0, 0], FieldTable.Of([("x-delay", 1)]));
        string? queue = null;
        await AskAsync(async () =>
        {
            var path = await router.RouteAsync("/", Encoding.UTF8.GetBytes(exchange), "k"u8.ToArray(), properties, default);
            queue = Assert.Single(path.Queues);
        });
        Assert.True(HiddenQueue.IsHidden(queue!));
        var link = await GrainLink.OpenAsync(silo.Grains, silo.Grains.Queue("/", queue!), ConnectionId.New(), new PublishItem(Batches.Delayed(-1, DelayHeader.Longest), false));
        _kept.Add(link);
        return link;
    }

    private static async Task AskAsync(Func<Task> ask)
    {
        while (true)
        {
            try
            {
                await ask();
                return;
            }
            catch (TimeoutException e)
            {
                // The call was lost, or its answer.
                Assert.NotNull(e);
            }
        }
    }

    private static async Task<GrainLink> CollectAsync(TestSilo silo, string queue)
    {
        var link = await GrainLink.OpenAsync(silo.Grains, silo.Grains.Queue("/", queue), ConnectionId.New());
        await link.SendAsync(new AttachItem(1, "c", true, false, 0, false, default, new Window(long.MaxValue, long.MaxValue)));
        return link;
    }

    private static async Task<long[]> NextIdsAsync(GrainLink link) => [.. (await NextAsync(link)).SelectMany(slice => Batches.Ids(slice))];

    private async Task<long[]> PassUntilIdsAsync(GrainLink link)
    {
        var ids = NextIdsAsync(link);
        while (!ids.IsCompleted)
        {
            _time.Advance(TimeSpan.FromMilliseconds(50));
            await Task.Delay(5);
        }

        return await ids;
    }

    private static async Task<IReadOnlyList<DeliverySlice>> NextAsync(GrainLink link)
    {
        while (true)
        {
            if (await link.Items.ReadAsync().AsTask().WaitAsync(Patience) is DeliveryItem delivery)
            {
                return delivery.Slices;
            }
        }
    }
}
