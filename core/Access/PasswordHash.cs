using System.Security.Cryptography;

namespace Granary.Core.Access;

/// <summary>
/// A password as it is stored, in the form of RabbitMQ's <c>rabbit_password_hashing_sha256</c>, so that hashes can be moved between the two: base64 of four random octets
/// and SHA-256 of these and the password.
/// </summary>
public static class PasswordHash
{
    private const int SaltSize = 4;
    private const int Size = SaltSize + SHA256.HashSizeInBytes;

    /// <summary>A hash of its own each time: the salt is random.</summary>
    /// <param name="password">As the client sends it: UTF-8.</param>
    public static string Create(ReadOnlySpan<byte> password)
    {
        Span<byte> hash = stackalloc byte[Size];
        RandomNumberGenerator.Fill(hash[..SaltSize]);
        Fill(hash, password);
        return Convert.ToBase64String(hash);
    }

    /// <summary>Takes as long whatever is wrong with the password. False for what is no hash.</summary>
    public static bool Matches(string hash, ReadOnlySpan<byte> password)
    {
        ArgumentNullException.ThrowIfNull(hash);
        Span<byte> stored = stackalloc byte[Size];
        if (hash.Length != (Size + 2) / 3 * 4 || !Convert.TryFromBase64String(hash, stored, out var length) || length != Size)
        {
            return false;
        }

        Span<byte> given = stackalloc byte[Size];
        stored[..SaltSize].CopyTo(given);
        Fill(given, password);
        return CryptographicOperations.FixedTimeEquals(stored, given);
    }

    private static void Fill(Span<byte> hash, ReadOnlySpan<byte> password)
    {
        var salted = new byte[SaltSize + password.Length];
        hash[..SaltSize].CopyTo(salted);
        password.CopyTo(salted.AsSpan(SaltSize));
        SHA256.HashData(salted, hash[SaltSize..]);
    }
}
