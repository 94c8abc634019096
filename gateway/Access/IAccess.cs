using System.Net;
using Granary.Core.Access;

namespace Granary.Gateway.Access;

/// <summary>Who may log in, and what they may do.</summary>
internal interface IAccess
{
    /// <summary>The user, if the password is the user's, and the user may connect from there; else null.</summary>
    /// <param name="password">As the client sent it.</param>
    /// <param name="from">The client's address; null if it is not known, which no user who is bound to an address may connect from.</param>
    /// <exception cref="TimeoutException">Nobody could be asked.</exception>
    ValueTask<KnownUser?> LogInAsync(string user, ReadOnlyMemory<byte> password, IPAddress? from, CancellationToken cancellation);

    /// <summary>The user of whom it is known otherwise who he is, if the user may connect from there; else null.</summary>
    /// <inheritdoc cref="LogInAsync"/>
    ValueTask<KnownUser?> AdmitAsync(string user, IPAddress? from, CancellationToken cancellation);

    /// <summary>Rights that were found may be gone by: they are held for a time only, and nobody has been heard from for that long.</summary>
    bool IsHeld { get; }

    /// <summary>What a user may do in a vhost; null when that is not known at present.</summary>
    Rights? Find(string user, string vhost);

    /// <inheritdoc cref="Find"/>
    /// <exception cref="TimeoutException">Nobody could be asked.</exception>
    ValueTask<Rights> FindAsync(string user, string vhost, CancellationToken cancellation);

    /// <summary>Keeps a client's rights current from now on.</summary>
    void Follow(ClientRights rights);

    /// <summary>The client is gone.</summary>
    void Leave(ClientRights rights);
}
