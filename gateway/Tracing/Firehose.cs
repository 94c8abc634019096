using System.Collections.Concurrent;
using Granary.Core;
using Granary.Core.Access;
using Granary.Core.Figures;
using Granary.Core.Links;
using Granary.Core.Routing;
using Granary.Gateway.Links;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;

namespace Granary.Gateway.Tracing;

/// <summary>
/// Copies of what clients of this process publish and are given in vhosts that are traced, on their way to <c>amq.rabbitmq.trace</c> (rabbit_trace). A vhost says
/// whether it is traced: so clients hear of it as they hear of their rights, before the change is answered.
/// </summary>
internal sealed partial class Firehose(
    IGrainFactory grains, TimeProvider clock, ILogger<Firehose> log, ILogger<Router> routerLog, ILocalQueues? local = null, SiloLosses? losses = null, NodeName? node = null)
    : IHostedService, IDisposable
{
    private static readonly TimeSpan CloseTimeout = TimeSpan.FromSeconds(2);

    private readonly ConcurrentDictionary<string, Lazy<VhostTrace>> _vhosts = new(StringComparer.Ordinal);
    private readonly CancellationTokenSource _stop = new();
    private readonly string _node = node?.Value ?? Environment.MachineName.Split('.')[0];

    // Where nothing is traced there is no need for one.
    private readonly Lazy<Router> _router = new(() => new Router(grains, clock, routerLog, forClients: false));
    private Ticker<LinkSet>? _ticker;

    /// <summary>What a client tells of itself from now on; null: its vhost is not traced.</summary>
    /// <param name="before">What it told until now.</param>
    /// <param name="connection">What people know its connection by.</param>
    public ClientTrace? For(ClientTrace? before, Rights rights, Func<string> connection) =>
        rights.Vhost is { IsTraced: true } ? before ?? new ClientTrace(TraceOf(rights.VhostName), _node, connection(), rights.UserName) : null;

    public Task StartAsync(CancellationToken cancellationToken)
    {
        _ticker = new Ticker<LinkSet>(
            () => _vhosts.Values.Select(static trace => trace.Value.Links), static links => links.Tick(), exception => LogTickFailed(log, exception), clock);
        _ticker.Start();
        return Task.CompletedTask;
    }

    public async Task StopAsync(CancellationToken cancellationToken)
    {
        await _stop.CancelAsync().ConfigureAwait(false);
        await Task.WhenAll(_vhosts.Values.Select(static trace => trace.Value.Links.CloseAsync())).WaitAsync(CloseTimeout, clock, cancellationToken)
            .ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        await (_ticker?.StopAsync() ?? Task.CompletedTask).ConfigureAwait(false);
        if (_router.IsValueCreated)
        {
            _router.Value.Dispose();
        }
    }

    public void Dispose() => _stop.Dispose();

    private VhostTrace TraceOf(string vhost) => _vhosts.GetOrAdd(vhost, name => new Lazy<VhostTrace>(() => new VhostTrace(
        new LinkSet(grains, local, ConnectionId.New(losses?.Own), name, clock, log) { Losses = losses }, _router.Value, log, _stop.Token))).Value;

    [LoggerMessage(1721, LogLevel.Error, "The links of the firehose failed at a tick")]
    private static partial void LogTickFailed(ILogger logger, Exception exception);
}
