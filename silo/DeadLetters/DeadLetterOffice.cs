using System.Collections.Concurrent;
using Granary.Core;
using Granary.Core.Links;
using Granary.Core.Routing;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;

namespace Granary.Silo.DeadLetters;

/// <summary>What all dead-lettering queues of one silo share: the router, the way back for links, and the clock.</summary>
internal sealed class DeadLetterOffice : ILinkObserver, IObserverRegistry, IHostedService, IDisposable
{
    private static readonly TimeSpan TickPeriod = TimeSpan.FromSeconds(0.25);

    private readonly ConcurrentDictionary<LinkId, LinkSet> _links = new();
    private readonly CancellationTokenSource _stop = new();
    private readonly ITimer _ticks;
    private ILinkObserver? _observer;

    public DeadLetterOffice(IGrainFactory grains, TimeProvider time, ILogger<DeadLetterOffice> log, ILogger<Router> routerLog)
    {
        (Grains, Time, Log) = (grains, time, log);
        Router = new Router(grains, time, routerLog, forClients: false);
        Stopping = _stop.Token;
        _ticks = time.CreateTimer(static office => ((DeadLetterOffice)office!).Tick(), this, TickPeriod, TickPeriod);
    }

    public IGrainFactory Grains { get; }

    public TimeProvider Time { get; }

    public ILogger Log { get; }

    public ILinkObserver Observer => _observer ?? throw new InvalidOperationException("The silo has not been started.");

    public Router Router { get; }

    public CancellationToken Stopping { get; }

    /// <summary>The sessions of one queue with those that its dead messages go to.</summary>
    public LinkSet Open(string vhost) => new(Grains, local: null, ConnectionId.New(), vhost, Time, Log) { IsPatient = true, Registry = this };

    void IObserverRegistry.Add(LinkId link, LinkSet set) => _links[link] = set;

    void IObserverRegistry.Remove(LinkId link) => _links.TryRemove(link, out _);

    public Task ReceiveAsync(LinkDown down) => _links.TryGetValue(down.Link, out var set) ? set.ReceiveAsync(down) : Task.CompletedTask;

    public Task StartAsync(CancellationToken cancellationToken)
    {
        // The silo was started before this. Later is too late: no reference can be made inside of a grain.
        _observer = Grains.CreateObjectReference<ILinkObserver>(this);
        return Task.CompletedTask;
    }

    public async Task StopAsync(CancellationToken cancellationToken)
    {
        await _ticks.DisposeAsync().ConfigureAwait(false);
        Router.Dispose();
        await _stop.CancelAsync().ConfigureAwait(false);
    }

    public void Dispose()
    {
        _ticks.Dispose();
        Router.Dispose();
        _stop.Dispose();
    }

    private void Tick()
    {
        foreach (var set in _links.Values.Distinct())
        {
            set.Tick();
        }
    }
}
