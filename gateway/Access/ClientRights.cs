using Granary.Core;
using Granary.Core.Access;

namespace Granary.Gateway.Access;

/// <summary>
/// What one client may do. Paths of publishes are found by <see cref="Current"/>, which the client replaces under its own gate when it is told of a change, and
/// everything else asks <see cref="CheckAsync"/>.
/// </summary>
internal sealed class ClientRights(IAccess access, string user, string vhost)
{
    private Action? _changed;
    private volatile Rights? _current;

    public string User => user;

    public string Vhost => vhost;

    /// <summary>What was taken last. Null: nothing is published before it is known.</summary>
    public Rights? Current => _current;

    /// <summary>Has the client told of each change from now on, and of what is known already. Told once more than needed does no harm.</summary>
    /// <param name="changed">Takes the client's gate and then <see cref="Take"/>. Called on any thread.</param>
    public void Follow(Action changed)
    {
        _changed = changed;
        access.Follow(this);
        changed();
    }

    public void Leave() => access.Leave(this);

    /// <summary>They may have changed.</summary>
    public void Refresh() => _changed?.Invoke();

    /// <summary>Takes what is known now. Under the client's gate: so nothing older is taken after it.</summary>
    public Rights? Take() => _current = access.Find(user, vhost);

    /// <summary>To be asked before messages are published. False: what was taken may not be gone by any more.</summary>
    public bool IsHeld()
    {
        if (access.IsHeld)
        {
            return true;
        }

        _current = null;
        return false;
    }

    /// <summary>Why the client may not do something; null: it may.</summary>
    public ValueTask<BrokerError?> CheckAsync(Func<Rights, BrokerError?> check, CancellationToken cancellation) =>
        access.Find(user, vhost) is { } found ? ValueTask.FromResult(check(found)) : AskAsync(check, cancellation);

    private async ValueTask<BrokerError?> AskAsync(Func<Rights, BrokerError?> check, CancellationToken cancellation)
    {
        try
        {
            return check(await access.FindAsync(user, vhost, cancellation).ConfigureAwait(false));
        }
        catch (TimeoutException)
        {
            return BrokerError.RightsOutOfReach(vhost, user);
        }
    }
}
