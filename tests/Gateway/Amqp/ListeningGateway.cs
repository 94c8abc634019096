using System.Collections.Concurrent;
using System.Net;
using Granary.Core.Alarms;
using Granary.Core.Routing;
using Granary.Gateway.Access;
using Granary.Gateway.Amqp;
using Granary.Gateway.Amqp.DirectReply;
using Granary.Gateway.Amqp.Proxy;
using Granary.Gateway.Sockets;
using Granary.Gateway.Tests.Fakes;
using Granary.Gateway.Tls;
using Granary.Testing.Logs;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Connections;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Server.Kestrel.Core;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Logging.Abstractions;

namespace Granary.Gateway.Tests.Amqp;

/// <summary>An AMQP listener on a port of loopback, without a silo behind it: for what is between a client and its socket.</summary>
internal sealed class ListeningGateway : IAsyncDisposable
{
    private readonly WebApplication _app;
    private readonly ListenOptions _listener;

    private readonly ConcurrentQueue<LogLine> _said;

    private ListeningGateway(WebApplication app, ListenOptions listener, ScriptedQueue queue, WatchedLog watched, ConcurrentQueue<LogLine> said) =>
        (_app, _listener, Queue, Watched, _said) = (app, listener, queue, watched, said);

    public int Port => _listener.IPEndPoint!.Port;

    public WatchedLog Watched { get; }

    /// <summary>All lines so far that an operator would see.</summary>
    public IReadOnlyCollection<LogLine> Said => _said;

    /// <summary>What clients have sent to a queue; nobody answers there.</summary>
    public ScriptedQueue Queue { get; }

    /// <summary>What is shown to clients; null: no TLS.</summary>
    public RenewedTls? Tls => _app.Services.GetService<ShownCertificates>()?.Amqp;

    public AmqpServer Server => _app.Services.GetRequiredService<AmqpServer>();

    /// <param name="isDirect">On the transport of its own; otherwise on Kestrel's.</param>
    /// <param name="proxies">It is a listener for these alone; null: for clients.</param>
    /// <param name="tls">What is shown to clients; null: no TLS.</param>
    public static async Task<ListeningGateway> StartAsync(bool isDirect, AmqpOptions options, ProxyNetworks? proxies = null, TlsOptions? tls = null)
    {
        ListenOptions? listener = null;
        var queue = new ScriptedQueue();
        var builder = WebApplication.CreateSlimBuilder();
        var watched = new WatchedLog();
        var said = new ConcurrentQueue<LogLine>();
        builder.Logging.ClearProviders().AddProvider(new LineProvider(watched.Add)).AddProvider(new LineProvider(said.Enqueue, LogLevel.Information));
        builder.Services.AddSingleton(TimeProvider.System);
        builder.Services.AddSingleton<IConnectionListenerFactory, DirectTransport>();
        builder.Services.AddSingleton(options);
        builder.Services.AddSingleton(new FakeGrains(_ => queue).Factory);
        builder.Services.AddSingleton(provider => new Router(
            provider.GetRequiredService<IGrainFactory>(), TimeProvider.System, provider.GetRequiredService<ILogger<Router>>()));
        builder.Services.AddSingleton<PublisherAlarms>();
        builder.Services.AddSingleton<IAccess, FakeAccess>();
        builder.Services.AddSingleton<AuthenticationOptions>();
        builder.Services.AddSingleton(provider => new Logins(provider.GetRequiredService<IAccess>(), provider.GetRequiredService<AuthenticationOptions>()));
        builder.Services.AddSingleton(new ClientCounts(TimeProvider.System, NullLogger<ClientCounts>.Instance));
        builder.Services.AddSingleton<ReplyRegistry>();
        builder.Services.AddSingleton<AmqpServer>();
        builder.Services.AddHostedService(provider => provider.GetRequiredService<AmqpServer>());
        if (tls is not null)
        {
            builder.Services.AddSingleton(provider => new ShownCertificates(tls, tls, TimeProvider.System, provider.GetRequiredService<ILogger<RenewedTls>>()));
            builder.Services.AddHostedService(provider => provider.GetRequiredService<ShownCertificates>());
        }

        builder.WebHost.ConfigureKestrel(kestrel => kestrel.Listen(
            isDirect ? new DirectEndPoint(IPAddress.Loopback, 0) : new IPEndPoint(IPAddress.Loopback, 0),
            listen =>
            {
                listener = listen;
                if (proxies is not null)
                {
                    listen.UseProxyHeader(proxies);
                }

                if (tls is not null)
                {
                    listen.UseTls();
                }

                listen.UseConnectionHandler<AmqpConnectionHandler>();
            }));
        var app = builder.Build();
        await app.StartAsync();
        return new ListeningGateway(app, listener!, queue, watched, said);
    }

    public async ValueTask DisposeAsync()
    {
        Watched.Leave();
        await _app.StopAsync();
        await _app.DisposeAsync();
        Watched.Check();
    }
}
