using System.Buffers.Text;
using System.Security.Cryptography;

namespace Granary.Gateway.Amqp;

/// <summary>Names of queues, exchanges and consumers as the broker makes and cleans them.</summary>
internal static class Names
{
    /// <summary>A name nobody else has: the prefix and 22 characters of base64url, as RabbitMQ makes them.</summary>
    public static string Generate(string prefix) => prefix + Base64Url.EncodeToString(RandomNumberGenerator.GetBytes(16));

    /// <summary>
    /// Without line breaks, as RabbitMQ removes them from the names that methods carry. It takes those of consume, get and purge as they are; here
    /// what was declared by a name is also found by it.
    /// </summary>
    public static string Clean(string name) => name.AsSpan().ContainsAny('\r', '\n')
        ? name.Replace("\r", "", StringComparison.Ordinal).Replace("\n", "", StringComparison.Ordinal)
        : name;
}
