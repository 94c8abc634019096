using System.Net;
using Granary.Gateway.Hosting;
using Granary.Node;
using Granary.Silo.Hosting;
using Granary.Testing.Logs;
using Granary.Testing.Unkind;
using Microsoft.AspNetCore.Builder;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;

namespace Granary.Testing.Brokers;

/// <summary>The node as the executable has it, in the test's own process, with calls that are treated unkindly.</summary>
internal sealed class HostedNode : IAsyncDisposable
{
    private readonly WebApplication _app;
    private readonly WatchedLog _log;

    private HostedNode(WebApplication app, WatchedLog log) => (_app, _log) = (app, log);

    /// <summary>The way to what it has, past its listeners.</summary>
    public IGrainFactory Grains => _app.Services.GetRequiredService<IGrainFactory>();

    /// <param name="ports">For AMQP, gRPC, HTTP and metrics.</param>
    /// <param name="data">Its folder.</param>
    /// <param name="seed">Of the unkindness; null for none. Every other one also has connections reach queues without calls.</param>
    /// <param name="log">Takes what it logs.</param>
    public static async Task<HostedNode> StartAsync(int[] ports, string data, int? seed, WatchedLog log)
    {
        var options = new NodeOptions(
            NodeRole.Both, LocalLinks: seed is not { } drawn || drawn % 2 == 1, new StoreOptions(StoreKind.Files, new DirectoryInfo(data)),
            new GatewayOptions
            {
                Bind = IPAddress.Loopback,
                Amqp = ListenPoints.At(ports[0]),
                Grpc = ListenPoints.At(ports[1]),
                Http = ListenPoints.At(ports[2]),
                Metrics = ListenPoints.At(ports[3]),
            });
        var builder = NodeHost.CreateBuilder(options);
        builder.Logging.ClearProviders().AddProvider(new LineProvider(log.Add));
        if (seed is { } unkind)
        {
            log.Allow(Unkindness.Events);
            builder.Services.AddUnkindness(unkind);
        }

        var app = builder.Build().MapGateway();
        await app.StartAsync().ConfigureAwait(false);
        return new HostedNode(app, log);
    }

    public async ValueTask DisposeAsync()
    {
        _log.Leave();
        await _app.StopAsync().ConfigureAwait(false);
        await _app.DisposeAsync().ConfigureAwait(false);
    }
}
