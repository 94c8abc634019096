using System.Collections.Concurrent;
using System.Diagnostics;
using System.Text;
using Granary.Core;
using Granary.Core.Links;
using Granary.Core.Routing;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;

namespace Granary.Silo.DeadLetters;

/// <summary>What all dead-lettering queues of one silo share: the router, the way back for links, and the clock.</summary>
internal sealed partial class DeadLetterOffice : ILinkObserver, IObserverRegistry, IHostedService, IDisposable
{
    private static readonly TimeSpan TickPeriod = TimeSpan.FromSeconds(0.25);
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(1);
    private static readonly TimeSpan LookAgainAfter = TimeSpan.FromMilliseconds(5);

    private readonly ConcurrentDictionary<LinkId, LinkSet> _links = new();
    private readonly ILocalQueues? _local;
    private readonly DeadLetterRehearsal? _rehearsal;
    private readonly SiloLosses? _losses;
    private readonly CancellationTokenSource _stop = new();
    private readonly ITimer _ticks;
    private ILinkObserver? _observer;
    private int _sending;

    /// <param name="local">Queues that are reached without a call; null if none are.</param>
    /// <param name="rehearsal">What precedes the first letter; null: nothing does.</param>
    public DeadLetterOffice(
        IGrainFactory grains, TimeProvider time, ILogger<DeadLetterOffice> log, ILogger<Router> routerLog,
        ILocalQueues? local = null, DeadLetterRehearsal? rehearsal = null, SiloLosses? losses = null)
    {
        (Grains, Time, Log, _local, _rehearsal, _losses) = (grains, time, log, local, rehearsal, losses);
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
    public LinkSet Open(string vhost) => new(Grains, _local, ConnectionId.New(_losses?.Own), vhost, Time, Log) { IsPatient = true, Registry = this, Losses = _losses };

    /// <summary>Another outbox has something to send, or (-1) one has nothing any more.</summary>
    public void NoteSending(int more) => Interlocked.Add(ref _sending, more);

    /// <summary>Completes when it is so, or after <paramref name="limit"/>. For whoever ends: it looks again and again, so that those who do not end pay nothing for it.</summary>
    public static async Task WaitAsync(Func<bool> isSo, TimeSpan limit)
    {
        var began = Stopwatch.GetTimestamp();
        while (!isSo() && Stopwatch.GetElapsedTime(began) < limit)
        {
            await Task.Delay(LookAgainAfter).ConfigureAwait(false);
        }
    }

    /// <summary>
    /// Readies the way for the letters of a queue that is there now, so that the first is not later than those that follow: the snapshot of their exchange is
    /// fetched, and the rehearsal held. Completes when both are done, or after a second, and never fails.
    /// </summary>
    public async Task PrepareAsync(string vhost, DeadLetterRule rule)
    {
        var rehearsed = _rehearsal?.EndedAsync(this, vhost) ?? Task.CompletedTask;
        var fetched = rule.Exchange.Length > 0 ? FetchAsync(vhost, rule.Exchange) : Task.CompletedTask;
        await Task.WhenAll(rehearsed, fetched).WaitAsync(Patience, Time).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
    }

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
        // All queues are there still. Those that letters go to would end together with those that these come from, which then could not know what has arrived.
        await WaitAsync(
            () => cancellationToken.IsCancellationRequested || (Volatile.Read(ref _sending) == 0 && _links.Values.All(static set => set.HasNothingUnderWay)), Patience)
            .ConfigureAwait(false);
        await _ticks.DisposeAsync().ConfigureAwait(false);
        Router.Dispose();
        await _stop.CancelAsync().ConfigureAwait(false);
        if (_rehearsal is not null)
        {
            await _rehearsal.StopAsync(Patience).ConfigureAwait(false);
        }
    }

    public void Dispose()
    {
        _ticks.Dispose();
        Router.Dispose();
        _stop.Dispose();
    }

    private async Task FetchAsync(string vhost, string exchange)
    {
        try
        {
            await Router.RouteAsync(vhost, Encoding.UTF8.GetBytes(exchange), default, default, Stopping).ConfigureAwait(false);
        }
        catch (Exception exception)
        {
            // The first letter asks again.
            LogNotFetched(Log, exception, exchange, vhost);
        }
    }

    private void Tick()
    {
        foreach (var set in _links.Values.Distinct())
        {
            set.Tick();
        }
    }

    [LoggerMessage(3226, LogLevel.Debug, "The bindings of exchange {Exchange} in vhost {Vhost}, where dead letters go, could not be had yet")]
    private static partial void LogNotFetched(ILogger logger, Exception exception, string exchange, string vhost);
}
