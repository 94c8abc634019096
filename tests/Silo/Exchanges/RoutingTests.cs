using System.Text;
using Granary.Core;
using Granary.Core.Grains;
using Granary.Core.Routing;
using Granary.Core.Topology;
using Granary.Silo.Hosting;
using Granary.Testing.Logs;
using Granary.Testing.Unkind;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;

namespace Granary.Silo.Tests.Exchanges;

/// <summary>Routers and exchange grains together, as gateways and silos run them.</summary>
public sealed class RoutingTests : IAsyncLifetime
{
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(60);

    private readonly List<Router> _routers = [];
    private readonly WatchedLog _watched = new();
    private IHost? _host;

    private IGrainFactory Grains => _host!.Services.GetRequiredService<IGrainFactory>();

    public async Task InitializeAsync()
    {
        var builder = Host.CreateApplicationBuilder();
        builder.Logging.ClearProviders().AddProvider(new LineProvider(_watched.Add));
        builder.UseOrleans(silo =>
        {
            silo.UseLoneSilo().AddQueuesAndExchanges().AddStore(new StoreOptions(StoreKind.Memory));
            if (TestSeed.OfThisRun is { } seed)
            {
                _watched.Allow(Unkindness.Events);
                silo.Services.AddUnkindness(seed);
            }
        });
        _host = builder.Build();
        await _host.StartAsync();
    }

    public async Task DisposeAsync()
    {
        _routers.ForEach(router => router.Dispose());
        _watched.Leave();
        await _host!.StopAsync();
        _host.Dispose();
        _watched.Check();
    }

    [Fact]
    public async Task Route_NoSuchExchange_Is404AndNeverMemoized()
    {
        var router = NewRouter();

        var path = await RouteAsync(router, "x", "k");

        Assert.Equal(BrokerError.NoExchange("/", "x"), path.Error);
        Assert.False(path.IsCurrent);
        await DeclareAsync("x", ExchangeTypes.Direct);
        Assert.Null((await RouteAsync(router, "x", "k")).Error);
    }

    [Fact]
    public async Task Route_DefaultExchange_IsTheKeyWithoutAnyCall()
    {
        var path = NewRouter().TryRoute("/", ""u8, "q"u8, default);

        Assert.Equal(["q"], path!.Queues);
        Assert.True(path.IsCurrent);
        Assert.Empty((await RouteAsync(NewRouter(), "", "")).Queues);
    }

    [Fact]
    public async Task Route_InternalExchange_IsRefusedToClientsOnly()
    {
        var path = await RouteAsync(NewRouter(), "amq.rabbitmq.trace", "k");
        Assert.Equal("cannot publish to internal exchange 'amq.rabbitmq.trace' in vhost '/'", path.Error!.Explanation);

        Assert.Null((await RouteAsync(NewRouter(forClients: false), "amq.rabbitmq.trace", "k")).Error);
    }

    [Fact]
    public async Task Route_CycleOfExchanges_FindsEachQueueOnce()
    {
        foreach (var name in new[] { "a", "b", "c" })
        {
            await DeclareAsync(name, ExchangeTypes.Fanout);
        }

        await BindAsync("a", Exchange("b"));
        await BindAsync("b", Exchange("c"));
        await BindAsync("c", Exchange("a"));
        await BindAsync("a", Queue("q"));
        await BindAsync("b", Queue("q"));
        await BindAsync("c", Queue("r"));
        var router = NewRouter();

        var path = await RouteAsync(router, "a", "k");

        Assert.Equal(["q", "r"], path.Queues.Order());
        Assert.True(path.IsCurrent);
        await BindAsync("c", Queue("s"));
        Assert.False(path.IsCurrent);
        Assert.Equal(["q", "r", "s"], (await RouteAsync(router, "a", "k")).Queues.Order());
    }

    [Fact]
    public async Task Route_NoDestination_FollowsAlternatesAndPassesOverMissingOnes()
    {
        await DeclareAsync("x", ExchangeTypes.Direct, alternate: "y");
        await DeclareAsync("y", ExchangeTypes.Direct, alternate: "z");
        await DeclareAsync("z", ExchangeTypes.Fanout, alternate: "x");
        await BindAsync("x", Queue("direct"), "k");
        await DeclareAsync("lost", ExchangeTypes.Direct, alternate: "nowhere");
        var router = NewRouter();

        Assert.Equal(["direct"], (await RouteAsync(router, "x", "k")).Queues);
        Assert.Empty((await RouteAsync(router, "x", "other")).Queues);
        await BindAsync("z", Queue("caught"));
        Assert.Equal(["caught"], (await RouteAsync(router, "x", "other")).Queues);
        var lost = await RouteAsync(router, "lost", "k");
        Assert.Empty(lost.Queues);
        Assert.Null(lost.Error);
        Assert.False(lost.IsCurrent);
    }

    [Fact]
    public async Task Delete_DestinationExchange_RemovesItsBindingsAtTheSourceBeforeItIsAnswered()
    {
        await DeclareAsync("s", ExchangeTypes.Fanout, alternate: "ae");
        await DeclareAsync("d", ExchangeTypes.Fanout);
        await DeclareAsync("ae", ExchangeTypes.Fanout);
        await BindAsync("ae", Queue("caught"));
        await BindAsync("s", Exchange("d"));
        var router = NewRouter();
        Assert.Empty((await RouteAsync(router, "s", "k")).Queues);

        Assert.Null(await RetryAsync(() => Grain("d").DeleteAsync(ifUnused: true)));

        Assert.Equal(["caught"], (await RouteAsync(router, "s", "k")).Queues);
        Assert.Empty(await RetryAsync(() => Grain("s").ListBindingsAsync()));
    }

    [Fact]
    public async Task Delete_Answered_NobodyRoutesThereAnyMore()
    {
        await DeclareAsync("x", ExchangeTypes.Fanout);
        await BindAsync("x", Queue("q"));
        var router = NewRouter();
        var path = await RouteAsync(router, "x", "k");

        Assert.Null(await RetryAsync(() => Grain("x").DeleteAsync(ifUnused: false)));

        Assert.False(path.IsCurrent);
        Assert.NotNull((await RouteAsync(router, "x", "k")).Error);
        await DeclareAsync("x", ExchangeTypes.Topic);
        await BindAsync("x", Queue("r"), "#");
        Assert.Equal(["r"], (await RouteAsync(router, "x", "k")).Queues);
    }

    [Fact]
    public async Task Bind_Answered_EveryRouterSeesTheBindingAtOnceAmongConcurrentChanges()
    {
        await DeclareAsync("x", ExchangeTypes.Topic);
        Router[] routers = [NewRouter(), NewRouter(), NewRouter()];

        // Each worker binds and unbinds keys of its own while the others do the same, and asks every router right after each answer.
        var workers = Enumerable.Range(0, 8).Select(worker => Task.Run(async () =>
        {
            for (var round = 0; round < 40; round++)
            {
                var (key, queue) = ($"w{worker}.{round % 5}", $"q{worker}");
                var before = new RoutePath[routers.Length];
                for (var i = 0; i < routers.Length; i++)
                {
                    before[i] = await RouteAsync(routers[i], "x", key);
                }

                await RetryAsync(() => Grain("x").BindAsync(new Binding(Queue(queue), key, default), toDurable: false));
                for (var i = 0; i < routers.Length; i++)
                {
                    Assert.False(before[i].IsCurrent);
                    Assert.Equal([queue], (await RouteAsync(routers[i], "x", key)).Queues);
                }

                await RetryAsync(() => Grain("x").UnbindAsync(new Binding(Queue(queue), key, default)));
                for (var i = 0; i < routers.Length; i++)
                {
                    Assert.Empty((await RouteAsync(routers[i], "x", key)).Queues);
                }
            }
        }));
        await Task.WhenAll(workers).WaitAsync(Patience);
    }

    [Fact]
    public async Task Route_MoreKeys_GoesWhereAnyKeyLeads()
    {
        await DeclareAsync("x", ExchangeTypes.Direct);
        await BindAsync("x", Queue("a"), "a");
        await BindAsync("x", Queue("b"), "b");
        ReadOnlyMemory<byte>[] more = ["b"u8.ToArray(), "c"u8.ToArray()];

        var path = await NewRouter().RouteAsync("/", "x"u8.ToArray(), "a"u8.ToArray(), more, default, CancellationToken.None);

        Assert.Equal(["a", "b"], path.Queues.Order());
    }

    private static Destination Queue(string name) => new(DestinationKind.Queue, name, default);

    private static Destination Exchange(string name) => new(DestinationKind.Exchange, name, default);

    // A call may happen and still fail; all of these may happen twice.
    private static async Task<T> RetryAsync<T>(Func<ValueTask<T>> call)
    {
        while (true)
        {
            try
            {
                return await call();
            }
            catch (TimeoutException) when (TestSeed.OfThisRun is not null)
            {
                await Task.Yield();
            }
        }
    }

    private static ValueTask<RoutePath> RouteAsync(Router router, string exchange, string key)
    {
        var (exchangeBytes, keyBytes) = (Encoding.UTF8.GetBytes(exchange), Encoding.UTF8.GetBytes(key));
        return router.TryRoute("/", exchangeBytes, keyBytes, default) is { } path
            ? ValueTask.FromResult(path)
            : router.RouteAsync("/", exchangeBytes, keyBytes, default, CancellationToken.None);
    }

    private IExchangeGrain Grain(string name) => Grains.GetGrain<IExchangeGrain>(GrainKeys.For("/", name));

    private Router NewRouter(bool forClients = true)
    {
        var router = new Router(Grains, TimeProvider.System, _watched.LoggerOf<Router>(), forClients);
        _routers.Add(router);
        return router;
    }

    private async Task DeclareAsync(string name, string type, string? alternate = null)
    {
        var arguments = alternate is null ? default : EncodedTable.From(Amqp.FieldTable.Of(("alternate-exchange", alternate)));
        Assert.Null(await RetryAsync(() => Grain(name).DeclareAsync(new ExchangeDeclaration(type, false, false, false, arguments))));
    }

    private async Task BindAsync(string source, Destination destination, string key = "")
    {
        var toDurable = false;
        if (destination.Kind == DestinationKind.Exchange)
        {
            var answer = await RetryAsync(() => Grain(destination.Name).AddBindingSourceAsync(source));
            destination = destination with { Incarnation = answer.Incarnation };
            toDurable = answer.Durable;
        }

        Assert.Null(await RetryAsync(() => Grain(source).BindAsync(new Binding(destination, key, default), toDurable)));
    }
}
