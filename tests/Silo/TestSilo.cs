using Granary.Silo.Hosting;
using Granary.Silo.Storage;
using Granary.Silo.Storage.Memory;
using Granary.Testing.Logs;
using Granary.Testing.Unkind;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;
using Orleans.Configuration;

namespace Granary.Silo.Tests;

/// <summary>A silo on the generic host. With a seed, calls are treated unkindly. Its end throws when it has logged what the test did not announce.</summary>
internal sealed class TestSilo : IAsyncDisposable
{
    private readonly IHost _host;

    private TestSilo(IHost host, WatchedLog watched) => (_host, Watched) = (host, watched);

    /// <summary>Where a test announces what the silo will log.</summary>
    public WatchedLog Watched { get; }

    public IGrainFactory Grains => _host.Services.GetRequiredService<IGrainFactory>();

    public IServiceProvider Services => _host.Services;

    /// <param name="store">What it finds, or null for nothing.</param>
    /// <param name="log">Takes what is logged, from debug up; null for nobody.</param>
    /// <param name="more">What else the silo is to have.</param>
    public static Task<TestSilo> StartAsync(int? seed = null, IMessageStore? store = null, ILoggerProvider? log = null, Action<ISiloBuilder>? more = null) =>
        StartAsync(seed is { } drawn ? new Fates(drawn) : null, store, log, more);

    public static async Task<TestSilo> StartAsync(Fates? fates, IMessageStore? store = null, ILoggerProvider? log = null, Action<ISiloBuilder>? more = null)
    {
        var builder = Host.CreateApplicationBuilder();
        var watched = new WatchedLog();
        builder.Logging.ClearProviders().AddProvider(new LineProvider(watched.Add));
        if (log is not null)
        {
            builder.Logging.AddProvider(log).AddFilter(nameof(Granary), LogLevel.Debug);
        }

        builder.UseOrleans(silo =>
        {
            silo.Services.AddSingleton(store ?? new MemoryStore());
            silo.UseLoneSilo().AddQueuesAndExchanges().AddStore(new StoreOptions(StoreKind.Memory));
            more?.Invoke(silo);
            if (fates is not null)
            {
                watched.Allow(Unkindness.Events);
                silo.Services.AddUnkindness(fates);
            }

            silo.Configure<SiloMessagingOptions>(options => options.ResponseTimeout = TimeSpan.FromSeconds(20));
        });
        var host = builder.Build();
        await host.StartAsync();
        return new TestSilo(host, watched);
    }

    public async ValueTask DisposeAsync()
    {
        Watched.Leave();
        await _host.StopAsync();
        _host.Dispose();
        Watched.Check();
    }
}
