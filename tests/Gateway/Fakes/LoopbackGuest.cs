using System.Net;
using Granary.Gateway.Access;

namespace Granary.Gateway.Tests.Fakes;

/// <summary>There is one user, guest, with the password guest, over loopback only: what a new store begins with.</summary>
internal sealed class LoopbackGuest : IUsers
{
    public ValueTask<bool> AcceptsAsync(string user, ReadOnlyMemory<byte> password, IPAddress? from, CancellationToken cancellation) => ValueTask.FromResult(
        user == "guest" && password.Span.SequenceEqual("guest"u8) && Loopback.Includes(from));
}
