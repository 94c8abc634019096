using System.Diagnostics.CodeAnalysis;
using System.Text;
using Granary.Amqp;
using Granary.Core.Grains;
using Granary.Core.Messages;
using Granary.Core.Topology;

namespace Granary.Core.Routing;

/// <summary>What came of a try to hold an exchange's snapshot.</summary>
internal enum ViewLoad
{
    Held,

    /// <summary>There was no such exchange a moment ago.</summary>
    Absent,

    /// <summary>The view was given up meanwhile: look the name up again.</summary>
    Retired,
}

internal enum ViewMatch
{
    Done,
    NotHeld,

    /// <summary>Clients may not publish here.</summary>
    Internal,
}

/// <summary>
/// One exchange as a router holds it: empty, loading, held, or retired for ever. All state is under one lock, which every match takes: when
/// <see cref="Apply"/> returns, matches on the state before are over, and paths found in it have stopped to be current. So after the
/// exchange has every holder's answer (which is when bind-ok goes out), a publish that is routed from then on sees the binding, whether it
/// asks for a path or finds one memoized.
/// </summary>
internal sealed class ExchangeView(string vhost, string name, SnapshotSource source)
{
    private readonly Lock _lock = new();
    private readonly List<ExchangeDelta> _early = [];
    private Task<ViewLoad>? _loading;
    private BindingIndex? _index;
    private RouteGeneration _generation = new();
    private byte[]? _alternate;
    private DeduplicationWindow? _window;
    private Guid _epoch;
    private long _number;
    private long _session;
    private long _heardAt;
    private long _renewalSentAt;
    private long _usedAt;
    private bool _isInternal;
    private bool _retired;

    public string Key { get; } = GrainKeys.For(vhost, name);

    public string Name => name;

    public ExchangeCounts Counts { get; } = new();

    /// <summary>There is such an exchange, as far as is known here.</summary>
    public bool IsHeld
    {
        get
        {
            lock (_lock)
            {
                return _index is not null;
            }
        }
    }

    /// <summary>Finds where this exchange alone leads.</summary>
    /// <param name="fromOutside">The message was published to this exchange, and not by the broker itself.</param>
    public ViewMatch Match(
        ReadOnlySpan<byte> routingKey, ReadOnlySpan<ReadOnlyMemory<byte>> moreKeys, ReadOnlySpan<byte> properties, bool fromOutside, RouteSearch search)
    {
        lock (_lock)
        {
            if (!IsHeldNow())
            {
                return ViewMatch.NotHeld;
            }

            if (fromOutside && _isInternal)
            {
                return ViewMatch.Internal;
            }

            var headers = ReadOnlySpan<byte>.Empty;
            if (_index.ReadsHeaders && !properties.IsEmpty)
            {
                BasicPropertiesView.Read(properties).TryGetHeaders(out headers);
            }

            search.Add(_index.Match(routingKey, moreKeys, headers, properties), _alternate, _generation, _index, Counts, _window);
            return ViewMatch.Done;
        }
    }

    public Task<ViewLoad> LoadAsync()
    {
        lock (_lock)
        {
            return _retired ? Task.FromResult(ViewLoad.Retired)
                : _index is not null ? Task.FromResult(ViewLoad.Held)
                : _loading ??= Task.Run(LoadCoreAsync);
        }
    }

    /// <summary>See <see cref="IExchangeObserver.ApplyAsync"/>.</summary>
    public long Apply(ExchangeDelta delta)
    {
        lock (_lock)
        {
            if (_loading is not null)
            {
                // The snapshot may be of before or after it. Nothing is routed meanwhile, and nothing will be by a state before it.
                _early.Add(delta);
                return delta.Number;
            }

            return _index is not null && TryAdvance(delta) ? _number : IExchangeObserver.NotHeld;
        }
    }

    /// <summary>
    /// Looks after a held snapshot: gives it up when it has not been used for long or nobody has answered for it in time, and renews it.
    /// True when the view is retired.
    /// </summary>
    public bool Sweep(TimeSpan idleLimit)
    {
        long session;
        long sentAt;
        Guid epoch;
        lock (_lock)
        {
            if (_loading is not null)
            {
                return false;
            }

            if (_index is null)
            {
                _retired = true;
                return true;
            }

            if (_generation.TakeUse())
            {
                _usedAt = source.Now;
            }

            (session, epoch, sentAt) = (_session, _epoch, source.Now);
            if (source.Elapsed(_usedAt) >= idleLimit)
            {
                Drop();
                _retired = true;
            }
            else if (!IsHeldNow())
            {
                return false;
            }
            else if (source.Elapsed(_renewalSentAt) < SnapshotLease.RenewEvery)
            {
                return false;
            }
            else
            {
                _renewalSentAt = sentAt;
            }
        }

        if (_retired)
        {
            source.Unwatch(Key, session);
            return true;
        }

        source.Renew(this, session, epoch, sentAt);
        return false;
    }

    /// <summary>Gives the snapshot up if its lease has run out. When it will otherwise; never where none is held.</summary>
    public long EndLostLease()
    {
        lock (_lock)
        {
            return IsHeldNow() ? source.EndOfLease(_heardAt) : long.MaxValue;
        }
    }

    /// <summary>Takes the answer to a renewal that was sent at <paramref name="sentAt"/>.</summary>
    public void Renewed(long session, long sentAt, bool kept)
    {
        lock (_lock)
        {
            if (_index is null || session != _session)
            {
                return;
            }

            if (kept)
            {
                _heardAt = Math.Max(_heardAt, sentAt);
            }
            else
            {
                Drop();
            }
        }
    }

    private async Task<ViewLoad> LoadCoreAsync()
    {
        try
        {
            while (true)
            {
                var session = source.NextSession();
                lock (_lock)
                {
                    _early.Clear();
                    _session = session;
                }

                var sentAt = source.Now;
                var snapshot = await source.WatchAsync(Key, session).ConfigureAwait(false);
                if (snapshot is null)
                {
                    return Settle(ViewLoad.Absent);
                }

                var index = new BindingIndex(
                    snapshot.Declaration.Type, snapshot.Declaration.Arguments, queue => source.IsLocal(vhost, queue),
                    HiddenQueue.Of(name, snapshot.Incarnation, snapshot.Declaration)?.Name);
                foreach (var binding in snapshot.Bindings)
                {
                    index.Add(binding);
                }

                if (TryInstall(snapshot, index, sentAt))
                {
                    return ViewLoad.Held;
                }
            }
        }
        catch
        {
            Settle(ViewLoad.Absent);
            throw;
        }
    }

    private ViewLoad Settle(ViewLoad result)
    {
        lock (_lock)
        {
            _loading = null;
            return result;
        }
    }

    // False when a change that was told meanwhile is neither in the snapshot nor follows it: then an earlier answer came late.
    private bool TryInstall(ExchangeSnapshot snapshot, BindingIndex index, long sentAt)
    {
        lock (_lock)
        {
            (_index, _epoch, _number) = (index, snapshot.Epoch, snapshot.Number);
            _generation = new RouteGeneration();
            _alternate = Bytes(snapshot.AlternateExchange);
            _window = DeduplicationExchangeRules.WindowOf(snapshot.Declaration);
            _isInternal = snapshot.Declaration.Internal;
            _heardAt = _renewalSentAt = sentAt;
            source.Leases.Add(source.EndOfLease(sentAt));
            _usedAt = source.Now;
            _early.Sort(static (left, right) => left.Number.CompareTo(right.Number));
            foreach (var delta in _early)
            {
                if (!TryAdvance(delta))
                {
                    return false;
                }
            }

            _early.Clear();
            _loading = null;
            return true;
        }
    }

    // Brings the held state to the delta's last change, or gives it up if there is a gap, or another run of the grain, or the end.
    private bool TryAdvance(ExchangeDelta delta)
    {
        if (delta.Epoch != _epoch || delta.After > _number)
        {
            Drop();
            return false;
        }

        if (delta.Number <= _number)
        {
            return true;
        }

        foreach (var change in delta.Changes.AsSpan((int)(_number - delta.After)))
        {
            switch (change.Kind)
            {
                case ExchangeChangeKind.Bound:
                    _index!.Add(change.Binding!);
                    break;
                case ExchangeChangeKind.Unbound:
                    _index!.Remove(change.Binding!);
                    break;
                case ExchangeChangeKind.AlternateExchange:
                    _alternate = Bytes(change.AlternateExchange);
                    break;
                default:
                    Drop();
                    return false;
            }
        }

        _number = delta.Number;
        _generation.End();
        _generation = new RouteGeneration();
        return true;
    }

    // A process that was stopped, or kept from running, finds out here: no timer of its own has fired meanwhile.
    [MemberNotNullWhen(true, nameof(_index))]
    private bool IsHeldNow()
    {
        if (_index is not null && source.Now >= source.EndOfLease(_heardAt))
        {
            Drop();
        }

        return _index is not null;
    }

    private void Drop()
    {
        _generation.End();
        _index = null;
    }

    private static byte[]? Bytes(string? text) => text is null ? null : Encoding.UTF8.GetBytes(text);
}
