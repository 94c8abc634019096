using Granary.Amqp;
using Granary.Core;
using Granary.Core.Grains;
using Granary.Core.Routing;
using Granary.Core.Topology;
using Granary.Silo.Exchanges;
using Granary.Silo.Storage.Memory;

namespace Granary.Silo.Tests.Exchanges;

/// <summary>Binds that overlap the deletion of what they bind: they are answered 404, or leave nothing behind.</summary>
public sealed class BindRaceTests
{
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(60);
    private static readonly ExchangeDeclaration Fanout = new(ExchangeTypes.Fanout, Durable: true, AutoDelete: false, Internal: false, default);
    private static readonly QueueDeclaration Durable = new(default, Durable: true, Exclusive: false, AutoDelete: false, default, ReservedNameAllowed: false);

    private readonly MemoryStore _store = new();

    /// <summary>A bind asks the queue, then tells the exchange; the deletion comes whole between any two of these steps.</summary>
    [Theory]
    [InlineData(0)]
    [InlineData(1)]
    [InlineData(2)]
    public async Task Bind_QueueDeletedAfterAnyOfItsSteps_LeavesNoBinding(int deletedAfter)
    {
        await using var silo = await TestSilo.StartAsync(store: _store);
        await DeclareAsync(silo);
        var steps = 0;
        var error = await BindAsync(silo, async () =>
        {
            if (steps++ == deletedAfter)
            {
                await DeleteAsync(silo);
            }
        });

        Assert.Equal(deletedAfter < 2 ? BrokerError.NoQueue("/", "q") : null, error);
        await AssertUnboundAsync(silo);
    }

    [Theory]
    [InlineData(0)]
    [InlineData(1)]
    [InlineData(2)]
    public async Task Bind_QueueDeletedAndDeclaredAgainAfterAnyOfItsSteps_BindsTheOneItAskedOrNone(int deletedAfter)
    {
        await using var silo = await TestSilo.StartAsync(store: _store);
        await DeclareAsync(silo);
        var steps = 0;
        var error = await BindAsync(silo, async () =>
        {
            if (steps++ == deletedAfter)
            {
                await DeleteAsync(silo);
                await DeclareAsync(silo);
            }
        });

        Assert.Equal(deletedAfter == 1 ? ReplyCode.NotFound : null, error?.Code);
        Assert.Equal(deletedAfter == 0 ? 1 : 0, (await Exchange(silo, "x").ListBindingsAsync()).Length);
        await DeleteAsync(silo);
        await AssertUnboundAsync(silo);
    }

    [Fact]
    public async Task Bind_ToAnExchangeThatIsDeletedMeanwhile_LeavesNoBinding()
    {
        await using var silo = await TestSilo.StartAsync(store: _store);
        await DeclareAsync(silo);
        Assert.Null(await Exchange(silo, "d").DeclareAsync(Fanout));
        var added = await Exchange(silo, "d").AddBindingSourceAsync("x");
        Assert.Null(await Exchange(silo, "d").DeleteAsync(ifUnused: false));
        var binding = new Binding(new Destination(DestinationKind.Exchange, "d", added.Incarnation), "", default);
        Assert.Equal(BrokerError.NoExchange("/", "d"), await Exchange(silo, "x").BindAsync(binding, added.Durable));
        await AssertUnboundAsync(silo);
    }

    /// <summary>With seeds, calls are late and repeated as well.</summary>
    [Theory]
    [MemberData(nameof(Seeds.All), MemberType = typeof(Seeds))]
    public async Task Bind_AtOnceWithDeletions_LeavesNoBinding(int? seed)
    {
        await using var silo = await TestSilo.StartAsync(seed, _store);
        var random = new Random(seed ?? 0);
        for (var round = 0; round < 25; round++)
        {
            await DeclareAsync(silo);
            var binds = Enumerable.Range(0, 3).Select(_ => random.Next(4)).Select(wait => BindAsync(silo, () => Task.Delay(wait))).ToArray();
            var deleted = DeleteAsync(silo);
            var errors = await Task.WhenAll(binds).WaitAsync(Patience);
            await deleted.WaitAsync(Patience);
            Assert.All(errors, error => Assert.True(error is null or { Code: ReplyCode.NotFound }, error?.Explanation));
            await AssertUnboundAsync(silo);
        }
    }

    /// <summary>As a gateway does it.</summary>
    /// <param name="between">Runs before the first step, and after each.</param>
    private static async Task<BrokerError?> BindAsync(TestSilo silo, Func<Task> between)
    {
        await between();
        var source = await RetryAsync(() => Queue(silo).AddBindingSourceAsync(default, "x"));
        await between();
        if (source.Error is not null)
        {
            return source.Error;
        }

        var binding = new Binding(new Destination(DestinationKind.Queue, "q", source.Incarnation), "k", default);
        var error = await RetryAsync(() => Exchange(silo, "x").BindAsync(binding, source.Durable));
        await between();
        return error;
    }

    private static async Task DeclareAsync(TestSilo silo)
    {
        Assert.Null(await RetryAsync(() => Exchange(silo, "x").DeclareAsync(Fanout)));
        Assert.Null((await RetryAsync(() => Queue(silo).DeclareAsync(Durable))).Error);
    }

    private static async Task DeleteAsync(TestSilo silo) => Assert.Null((await RetryAsync(() => Queue(silo).DeleteAsync(default, false, false))).Error);

    /// <summary>Neither the exchange nor the store has a binding, now or a moment later.</summary>
    private async Task AssertUnboundAsync(TestSilo silo)
    {
        using var patience = new CancellationTokenSource(Patience);
        while ((await RetryAsync(() => Exchange(silo, "x").ListBindingsAsync())).Length > 0)
        {
            // An answer to the deletion that was given after its limit, or lost: the removal is still on its way.
            await Task.Delay(10, patience.Token);
        }

        Assert.Empty(await _store.ReadRowsAsync(BindingRows.TableOf(GrainKeys.For("/", "x")), default));
    }

    private static async Task<T> RetryAsync<T>(Func<ValueTask<T>> call)
    {
        using var patience = new CancellationTokenSource(Patience);
        while (true)
        {
            try
            {
                return await call();
            }
            catch (TimeoutException) when (!patience.IsCancellationRequested)
            {
                // Lost, or its answer was: as a gateway would, ask again.
            }
        }
    }

    private static IExchangeGrain Exchange(TestSilo silo, string name) => silo.Grains.GetGrain<IExchangeGrain>(GrainKeys.For("/", name));

    private static IQueueGrain Queue(TestSilo silo) => silo.Grains.GetGrain<IQueueGrain>(GrainKeys.For("/", "q"));
}
