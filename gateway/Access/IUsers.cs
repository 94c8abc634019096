using System.Net;

namespace Granary.Gateway.Access;

/// <summary>Who may log in.</summary>
internal interface IUsers
{
    /// <summary>Whether the password is the user's, and the user may connect from there.</summary>
    /// <param name="password">As the client sent it.</param>
    /// <param name="from">The client's address; null if it is not known, which no user who is bound to an address may connect from.</param>
    /// <exception cref="TimeoutException">Nobody could be asked.</exception>
    ValueTask<bool> AcceptsAsync(string user, ReadOnlyMemory<byte> password, IPAddress? from, CancellationToken cancellation);
}
