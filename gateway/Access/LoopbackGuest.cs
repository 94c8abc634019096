using System.Net;
using System.Security.Cryptography;
using System.Text;

namespace Granary.Gateway.Access;

/// <summary>Who may log in. For now there is one user, guest, with the password guest, over loopback only (RabbitMQ's <c>loopback_users</c>).</summary>
internal sealed class LoopbackGuest
{
    public const string UserName = "guest";

    private static readonly byte[] Password = "guest"u8.ToArray();

    public bool Accepts(ReadOnlySpan<byte> user, ReadOnlySpan<byte> password, IPAddress? from) =>
        user.SequenceEqual(Encoding.UTF8.GetBytes(UserName))
        && CryptographicOperations.FixedTimeEquals(password, Password)
        && from is not null && IPAddress.IsLoopback(from.IsIPv4MappedToIPv6 ? from.MapToIPv4() : from);
}
