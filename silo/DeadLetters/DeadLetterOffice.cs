using System.Collections.Concurrent;
using Granary.Core.Links;
using Granary.Core.Routing;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;

namespace Granary.Silo.DeadLetters;

/// <summary>What all dead-lettering queues of one silo share: the router, the way back for links, and the clock.</summary>
internal sealed class DeadLetterOffice : ILinkObserver, IHostedService, IDisposable
{
    private static readonly TimeSpan TickPeriod = TimeSpan.FromSeconds(0.25);

    private readonly ConcurrentDictionary<LinkId, (DeadLetterSender Sender, DeadLetterOutbox Outbox)> _senders = new();
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

    public void Add(DeadLetterSender sender, DeadLetterOutbox outbox) => _senders[sender.Id] = (sender, outbox);

    public void Remove(DeadLetterSender sender) => _senders.TryRemove(sender.Id, out _);

    public Task ReceiveAsync(LinkDown down)
    {
        if (_senders.TryGetValue(down.Link, out var link))
        {
            link.Outbox.Change(() => link.Sender.Receive(down));
        }

        return Task.CompletedTask;
    }

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
        foreach (var (_, (sender, outbox)) in _senders)
        {
            outbox.Change(sender.Tick);
        }
    }
}
