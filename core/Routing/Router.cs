using System.Collections.Concurrent;
using System.Diagnostics.CodeAnalysis;
using System.Text;
using System.Text.Unicode;
using Granary.Amqp;
using Granary.Core.Grains;
using Granary.Core.Topology;
using Microsoft.Extensions.Logging;

namespace Granary.Core.Routing;

/// <summary>
/// Finds the queues of publishes on snapshots of the exchanges that are published to: one per process, for all its connections at once.
/// A snapshot is held from the first publish on, kept current by the exchange, and given up when it has not been used for a while.
/// </summary>
public sealed class Router : IExchangeObserver, IDisposable
{
    private static readonly TimeSpan SweepEvery = TimeSpan.FromSeconds(0.25);

    [ThreadStatic]
    private static RouteSearch? t_search;

    private readonly ConcurrentDictionary<string, ConcurrentDictionary<byte[], ExchangeView>> _vhosts = new(StringComparer.Ordinal);
    private readonly ConcurrentDictionary<string, ExchangeCounts> _defaultExchanges = new(StringComparer.Ordinal);
    private readonly SnapshotSource _source;
    private readonly TimeSpan _idleLimit;
    private readonly bool _forClients;
    private readonly ITimer _sweep;
    private int _sweeping;

    /// <param name="grains">Where the exchanges are.</param>
    /// <param name="forClients">Publishes come from clients, which may not publish to internal exchanges; otherwise from the broker itself.</param>
    /// <param name="idleLimit">How long a snapshot is kept unused; a minute if not said.</param>
    /// <param name="isLocal">Whether a queue of a vhost is in this process, for exchanges of the type x-local-random; null: all are.</param>
    public Router(
        IGrainFactory grains, TimeProvider time, ILogger<Router> logger, bool forClients = true, TimeSpan? idleLimit = null, Func<string, string, bool>? isLocal = null)
    {
        ArgumentNullException.ThrowIfNull(grains);
        ArgumentNullException.ThrowIfNull(time);
        _forClients = forClients;
        _idleLimit = idleLimit ?? TimeSpan.FromMinutes(1);

        // The runtime holds observers weakly: this object is what keeps itself reachable.
        _source = new SnapshotSource(
            key => grains.Exchange(key), () => grains.CreateObjectReference<IExchangeObserver>(this), Guid.NewGuid(), time, logger, isLocal);
        _sweep = time.CreateTimer(static router => ((Router)router!).Sweep(), this, SweepEvery, SweepEvery);
    }

    /// <summary>The path of a publish if all snapshots it needs are held, otherwise null: then RouteAsync gets them.</summary>
    /// <param name="properties">The message's properties as on the wire, or empty.</param>
    /// <exception cref="AmqpConnectionException">501: the exchange needs the headers or a property, and they cannot be decoded.</exception>
    public RoutePath? TryRoute(string vhost, ReadOnlySpan<byte> exchange, ReadOnlySpan<byte> routingKey, ReadOnlySpan<byte> properties) =>
        TryRoute(vhost, exchange, routingKey, [], properties);

    /// <inheritdoc cref="TryRoute(string, ReadOnlySpan{byte}, ReadOnlySpan{byte}, ReadOnlySpan{byte})"/>
    /// <param name="moreKeys">The keys of CC and BCC: the message goes where any of its keys leads. Such a path is never memoized by one key.</param>
    public RoutePath? TryRoute(
        string vhost, ReadOnlySpan<byte> exchange, ReadOnlySpan<byte> routingKey, ReadOnlySpan<ReadOnlyMemory<byte>> moreKeys, ReadOnlySpan<byte> properties) =>
        Search(vhost, exchange, routingKey, moreKeys, properties, absent: null, out _);

    /// <summary>The path of a publish, after getting what snapshots are missing.</summary>
    public ValueTask<RoutePath> RouteAsync(
        string vhost, ReadOnlyMemory<byte> exchange, ReadOnlyMemory<byte> routingKey, ReadOnlyMemory<byte> properties, CancellationToken cancellation) =>
        RouteAsync(vhost, exchange, routingKey, ReadOnlyMemory<ReadOnlyMemory<byte>>.Empty, properties, cancellation);

    /// <inheritdoc cref="RouteAsync(string, ReadOnlyMemory{byte}, ReadOnlyMemory{byte}, ReadOnlyMemory{byte}, CancellationToken)"/>
    public async ValueTask<RoutePath> RouteAsync(
        string vhost, ReadOnlyMemory<byte> exchange, ReadOnlyMemory<byte> routingKey, ReadOnlyMemory<ReadOnlyMemory<byte>> moreKeys,
        ReadOnlyMemory<byte> properties, CancellationToken cancellation)
    {
        // Absence holds for this one publish only.
        HashSet<byte[]>? absent = null;
        while (true)
        {
            var path = Search(vhost, exchange.Span, routingKey.Span, moreKeys.Span, properties.Span, absent, out var missing);
            if (path is not null)
            {
                return path;
            }

            var view = GetOrAddView(vhost, missing!);
            var loaded = await view.LoadAsync().WaitAsync(cancellation).ConfigureAwait(false);
            if (loaded == ViewLoad.Absent)
            {
                absent ??= new HashSet<byte[]>(ByteKeyComparer.Instance);
                absent.Add(missing!);
            }
        }
    }

    /// <summary>
    /// Ends the paths that lead over a snapshot whose lease has run out. To be called before paths that were remembered are used, once for all messages
    /// that came together: it reads the clock, which a path does not.
    /// </summary>
    public void EndLostLeases()
    {
        if (_source.Leases.AnyMayBeOver(_source.Now))
        {
            LookAtLeases();
        }
    }

    /// <summary>What was published to which exchange, of those that are published to. The default exchange has no name.</summary>
    public IEnumerable<(string Vhost, string Name, ExchangeCounts Counts)> Counts()
    {
        foreach (var (vhost, counts) in _defaultExchanges)
        {
            yield return (vhost, "", counts);
        }

        foreach (var (vhost, views) in _vhosts)
        {
            foreach (var (_, view) in views)
            {
                if (view.IsHeld)
                {
                    yield return (vhost, view.Name, view.Counts);
                }
            }
        }
    }

    /// <inheritdoc/>
    public Task<long> ApplyAsync(ExchangeDelta delta)
    {
        ArgumentNullException.ThrowIfNull(delta);
        var (vhost, name) = GrainKeys.Parse(delta.Key);
        return Task.FromResult(TryGetView(vhost, Encoding.UTF8.GetBytes(name), out var view) ? view.Apply(delta) : IExchangeObserver.NotHeld);
    }

    /// <summary>Stops looking after snapshots. The exchanges forget this holder when its lease runs out.</summary>
    public void Dispose() => _sweep.Dispose();

    private RoutePath? Search(
        string vhost, ReadOnlySpan<byte> exchange, ReadOnlySpan<byte> routingKey, ReadOnlySpan<ReadOnlyMemory<byte>> moreKeys,
        ReadOnlySpan<byte> properties, HashSet<byte[]>? absent, out byte[]? missing)
    {
        missing = null;
        if (exchange.IsEmpty)
        {
            return RouteByDefault(_defaultExchanges.GetOrAdd(vhost, static _ => new ExchangeCounts()), routingKey, moreKeys);
        }

        var search = t_search ??= new RouteSearch();
        search.Begin();
        search.Start(exchange);
        if (TryGetView(vhost, exchange, out var view))
        {
            switch (view.Match(routingKey, moreKeys, properties, _forClients, search))
            {
                case ViewMatch.NotHeld:
                    view = null;
                    break;
                case ViewMatch.Internal:
                    var name = Encoding.UTF8.GetString(exchange);
                    return RoutePath.Refused(
                        new BrokerError(ReplyCode.AccessRefused, $"cannot publish to internal exchange '{name}' in vhost '{vhost}'"));
            }
        }

        if (view is null)
        {
            if (IsIn(absent, exchange))
            {
                return RoutePath.Refused(BrokerError.NoExchange(vhost, Encoding.UTF8.GetString(exchange)));
            }

            missing = exchange.ToArray();
            return null;
        }

        while (search.TryTakeExchange(out var next))
        {
            if (TryGetView(vhost, next, out var nextView)
                && nextView.Match(routingKey, moreKeys, properties, fromOutside: false, search) == ViewMatch.Done)
            {
                continue;
            }

            if (!IsIn(absent, next))
            {
                missing = next;
                return null;
            }

            search.PassOver();
        }

        return search.ToPath();
    }

    private static RoutePath RouteByDefault(ExchangeCounts counts, ReadOnlySpan<byte> routingKey, ReadOnlySpan<ReadOnlyMemory<byte>> moreKeys)
    {
        if (moreKeys.IsEmpty)
        {
            return IsQueueName(routingKey) ? RoutePath.ToQueues(counts, Encoding.UTF8.GetString(routingKey)) : RoutePath.ToQueues(counts);
        }

        var queues = new HashSet<string>(StringComparer.Ordinal);
        if (IsQueueName(routingKey))
        {
            queues.Add(Encoding.UTF8.GetString(routingKey));
        }

        foreach (var key in moreKeys)
        {
            if (IsQueueName(key.Span))
            {
                queues.Add(Encoding.UTF8.GetString(key.Span));
            }
        }

        return RoutePath.ToQueues(counts, [.. queues]);
    }

    // Nothing can be declared by another name, and replacing what cannot be decoded could hit a queue that is meant otherwise.
    private static bool IsQueueName(ReadOnlySpan<byte> key) => !key.IsEmpty && key.Length <= byte.MaxValue && Utf8.IsValid(key) && !HiddenQueue.IsHidden(key);

    private static bool IsIn(HashSet<byte[]>? set, ReadOnlySpan<byte> exchange) =>
        set is not null && set.GetAlternateLookup<ReadOnlySpan<byte>>().Contains(exchange);

    private bool TryGetView(string vhost, ReadOnlySpan<byte> exchange, [MaybeNullWhen(false)] out ExchangeView view)
    {
        view = null;
        return _vhosts.TryGetValue(vhost, out var views) && views.GetAlternateLookup<ReadOnlySpan<byte>>().TryGetValue(exchange, out view);
    }

    private ExchangeView GetOrAddView(string vhost, byte[] exchange) =>
        _vhosts.GetOrAdd(vhost, static _ => new ConcurrentDictionary<byte[], ExchangeView>(ByteKeyComparer.Instance))
            .GetOrAdd(exchange, static (name, state) => new ExchangeView(state.vhost, Encoding.UTF8.GetString(name), state._source), (vhost, _source));

    private void LookAtLeases()
    {
        var look = _source.Leases.BeginLook();
        var first = long.MaxValue;
        foreach (var (_, views) in _vhosts)
        {
            foreach (var (_, view) in views)
            {
                first = Math.Min(first, view.EndLostLease());
            }
        }

        _source.Leases.EndLook(look, first);
    }

    private void Sweep()
    {
        if (Interlocked.Exchange(ref _sweeping, 1) != 0)
        {
            return;
        }

        foreach (var (_, views) in _vhosts)
        {
            foreach (var (name, view) in views)
            {
                if (view.Sweep(_idleLimit))
                {
                    views.TryRemove(KeyValuePair.Create(name, view));
                }
            }
        }

        LookAtLeases();
        Volatile.Write(ref _sweeping, 0);
    }
}
