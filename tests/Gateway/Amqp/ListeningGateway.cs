using System.Net;
using Granary.Core.Alarms;
using Granary.Core.Routing;
using Granary.Gateway.Access;
using Granary.Gateway.Amqp;
using Granary.Gateway.Amqp.DirectReply;
using Granary.Gateway.Amqp.Proxy;
using Granary.Gateway.Sockets;
using Granary.Gateway.Tests.Fakes;
using Granary.Testing.Logs;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Connections;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Server.Kestrel.Core;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;

namespace Granary.Gateway.Tests.Amqp;

/// <summary>An AMQP listener on a port of loopback, without a silo behind it: for what is between a client and its socket.</summary>
internal sealed class ListeningGateway : IAsyncDisposable
{
    // Kestrel's own clock was late, which says that the machine is busy.
    private const int HeartbeatSlow = 22;

    private readonly WebApplication _app;
    private readonly ListenOptions _listener;

    private ListeningGateway(WebApplication app, ListenOptions listener, ScriptedQueue queue, WatchedLog watched) =>
        (_app, _listener, Queue, Watched) = (app, listener, queue, watched);

    public int Port => _listener.IPEndPoint!.Port;

    public WatchedLog Watched { get; }

    /// <summary>What clients have sent to a queue; nobody answers there.</summary>
    public ScriptedQueue Queue { get; }

    public AmqpServer Server => _app.Services.GetRequiredService<AmqpServer>();

    /// <param name="isDirect">On the transport of its own; otherwise on Kestrel's.</param>
    /// <param name="proxies">It is a listener for these alone; null: for clients.</param>
    public static async Task<ListeningGateway> StartAsync(bool isDirect, AmqpOptions options, ProxyNetworks? proxies = null)
    {
        ListenOptions? listener = null;
        var queue = new ScriptedQueue();
        var builder = WebApplication.CreateSlimBuilder();
        var watched = new WatchedLog();
        watched.Allow(HeartbeatSlow);
        builder.Logging.ClearProviders().AddProvider(new LineProvider(watched.Add));
        builder.Services.AddSingleton(TimeProvider.System);
        builder.Services.AddSingleton<IConnectionListenerFactory, DirectTransport>();
        builder.Services.AddSingleton(options);
        builder.Services.AddSingleton(new FakeGrains(_ => queue).Factory);
        builder.Services.AddSingleton(provider => new Router(
            provider.GetRequiredService<IGrainFactory>(), TimeProvider.System, provider.GetRequiredService<ILogger<Router>>()));
        builder.Services.AddSingleton<PublisherAlarms>();
        builder.Services.AddSingleton<IUsers, LoopbackGuest>();
        builder.Services.AddSingleton<ReplyRegistry>();
        builder.Services.AddSingleton<AmqpServer>();
        builder.Services.AddHostedService(provider => provider.GetRequiredService<AmqpServer>());
        builder.WebHost.ConfigureKestrel(kestrel => kestrel.Listen(
            isDirect ? new DirectEndPoint(IPAddress.Loopback, 0) : new IPEndPoint(IPAddress.Loopback, 0),
            listen =>
            {
                listener = listen;
                if (proxies is not null)
                {
                    listen.UseProxyHeader(proxies);
                }

                listen.UseConnectionHandler<AmqpConnectionHandler>();
            }));
        var app = builder.Build();
        await app.StartAsync();
        return new ListeningGateway(app, listener!, queue, watched);
    }

    public async ValueTask DisposeAsync()
    {
        Watched.Leave();
        await _app.StopAsync();
        await _app.DisposeAsync();
        Watched.Check();
    }
}
