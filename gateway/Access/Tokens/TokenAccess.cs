using System.Collections.Concurrent;
using System.Net;
using Granary.Core.Access;

namespace Granary.Gateway.Access.Tokens;

/// <summary>What the user of one token may do: what its scopes give, until it expires or another takes its place. Vhosts are those of the store.</summary>
internal sealed class TokenAccess(IAccess store, TokenVerifier verifier, VerifiedToken token) : IAccess
{
    /// <summary>What timers bear; what is longer is looked at again then.</summary>
    private static readonly TimeSpan LongestWait = TimeSpan.FromDays(20);

    private readonly ConcurrentDictionary<ClientRights, byte> _clients = new();
    private readonly Lock _gate = new();
    private volatile VerifiedToken _token = token;
    private volatile Rights? _last;
    private ITimer? _expiry;

    public KnownUser User => new(_token.User, _token.Tags, default);

    public bool IsHeld => store.IsHeld;

    public bool IsExpired => _token.Expires <= verifier.Now;

    public ValueTask<KnownUser?> LogInAsync(string user, ReadOnlyMemory<byte> password, IPAddress? from, CancellationToken cancellation) =>
        throw new NotSupportedException("Nobody logs in here.");

    public ValueTask<KnownUser?> AdmitAsync(string user, IPAddress? from, CancellationToken cancellation) => throw new NotSupportedException("Nobody logs in here.");

    public Rights? Find(string user, string vhost) => store.Find(user, vhost) is { } stored ? Of(stored) : null;

    public async ValueTask<Rights> FindAsync(string user, string vhost, CancellationToken cancellation) => Of(await store.FindAsync(user, vhost, cancellation).ConfigureAwait(false));

    public void Follow(ClientRights rights)
    {
        _clients[rights] = 0;
        store.Follow(rights);
        Arm();
    }

    public void Leave(ClientRights rights)
    {
        store.Leave(rights);
        _clients.TryRemove(rights, out _);
        Arm();
    }

    /// <summary>Whether the user may enter a vhost, if it is there.</summary>
    public bool Admits(string vhost) => !IsExpired && GrantsIn(vhost) is not null;

    /// <summary>Another token takes the place of this one: on return nothing is done by the former rights any more.</summary>
    /// <returns>False: it is not accepted, or of somebody else.</returns>
    public async ValueTask<bool> TryReplaceAsync(string next, CancellationToken cancellation)
    {
        if (await verifier.VerifyAsync(next, cancellation).ConfigureAwait(false) is not { } verified || verified.User != _token.User)
        {
            return false;
        }

        (_token, _last) = (verified, null);
        Arm();
        Tell();
        return true;
    }

    private Rights Of(Rights stored)
    {
        // The same as long as the vhost is, so that what was allowed is remembered with them.
        var (current, last) = (_token, _last);
        var isExpired = IsExpired;
        if (last is not null && ReferenceEquals(last.Vhost, stored.Vhost) && last.VhostName == stored.VhostName && (last.Ended is not null) == isExpired)
        {
            return last;
        }

        var rights = new Rights(stored.UserName, stored.VhostName, new KnownUser(current.User, current.Tags, default), stored.Vhost, isExpired ? null : GrantsIn(stored.VhostName))
        {
            Ended = isExpired ? "credential expired" : null,
        };
        if (current == _token)
        {
            _last = rights;
        }

        return rights;
    }

    private ScopeGrants? GrantsIn(string vhost)
    {
        var current = _token;
        return ScopeGrants.Of(current.Scopes, vhost, name => current.Values.GetValueOrDefault(name));
    }

    // A timer for as long as somebody is to be told.
    private void Arm()
    {
        lock (_gate)
        {
            _expiry?.Dispose();
            _expiry = null;
            if (!_clients.IsEmpty)
            {
                var left = _token.Expires - verifier.Now;
                var wait = left < TimeSpan.Zero ? TimeSpan.Zero : left < LongestWait ? left : LongestWait;
                _expiry = verifier.Clock.CreateTimer(static access => ((TokenAccess)access!).OnTime(), this, wait, Timeout.InfiniteTimeSpan);
            }
        }
    }

    private void OnTime()
    {
        if (IsExpired)
        {
            Tell();
        }
        else
        {
            Arm();
        }
    }

    private void Tell()
    {
        foreach (var (client, _) in _clients)
        {
            client.Refresh();
        }
    }
}
