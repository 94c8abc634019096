using Granary.Silo.Hosting;
using Granary.Silo.Storage;
using Granary.Silo.Storage.Memory;
using Granary.Testing.Unkind;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;
using Orleans.Configuration;

namespace Granary.Silo.Tests;

/// <summary>A silo on the generic host. With a seed, calls are treated unkindly: <see cref="UnkindCalls"/>.</summary>
internal sealed class TestSilo : IAsyncDisposable
{
    private readonly IHost _host;

    private TestSilo(IHost host) => _host = host;

    public IGrainFactory Grains => _host.Services.GetRequiredService<IGrainFactory>();

    public IServiceProvider Services => _host.Services;

    /// <param name="store">What it finds, or null for nothing.</param>
    /// <param name="log">Takes what is logged, from debug up; null for nobody.</param>
    public static async Task<TestSilo> StartAsync(int? seed = null, IMessageStore? store = null, ILoggerProvider? log = null)
    {
        var builder = Host.CreateApplicationBuilder();
        builder.Logging.ClearProviders();
        if (log is not null)
        {
            builder.Logging.AddProvider(log).AddFilter(nameof(Granary), LogLevel.Debug);
        }

        builder.UseOrleans(silo =>
        {
            silo.Services.AddSingleton(store ?? new MemoryStore());
            silo.UseLoneSilo().AddQueuesAndExchanges().AddStore(new StoreOptions(StoreKind.Memory));
            if (seed is { } drawn)
            {
                silo.AddIncomingGrainCallFilter(new UnkindCalls(drawn));
            }

            silo.Configure<SiloMessagingOptions>(options => options.ResponseTimeout = TimeSpan.FromSeconds(20));
        });
        var host = builder.Build();
        await host.StartAsync();
        return new TestSilo(host);
    }

    public async ValueTask DisposeAsync()
    {
        await _host.StopAsync();
        _host.Dispose();
    }
}
