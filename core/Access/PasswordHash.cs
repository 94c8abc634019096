using System.Security.Cryptography;

namespace Granary.Core.Access;

/// <summary>What a password's hash was made with; RabbitMQ's modules <c>rabbit_password_hashing_sha256</c> and <c>…_sha512</c>.</summary>
public enum PasswordHashing
{
    Sha256,
    Sha512,
}

/// <summary>
/// A password as it is stored, in RabbitMQ's form, so that hashes can be moved between the two: base64 of four random octets and of the digest of these and the password.
/// </summary>
public static class PasswordHash
{
    private const int SaltSize = 4;
    private const int LargestSize = SaltSize + SHA512.HashSizeInBytes;

    /// <summary>A hash of its own each time: the salt is random.</summary>
    /// <param name="password">As the client sends it: UTF-8.</param>
    public static string Create(ReadOnlySpan<byte> password, PasswordHashing hashing = PasswordHashing.Sha256)
    {
        Span<byte> hash = stackalloc byte[SizeOf(hashing)];
        RandomNumberGenerator.Fill(hash[..SaltSize]);
        Fill(hash, password, hashing);
        return Convert.ToBase64String(hash);
    }

    /// <summary>Takes as long whatever is wrong with the password. False for what is no hash.</summary>
    public static bool Matches(string hash, ReadOnlySpan<byte> password, PasswordHashing hashing = PasswordHashing.Sha256)
    {
        Span<byte> stored = stackalloc byte[LargestSize];
        if (!TryDecode(hash, hashing, stored))
        {
            return false;
        }

        var size = SizeOf(hashing);
        Span<byte> given = stackalloc byte[size];
        stored[..SaltSize].CopyTo(given);
        Fill(given, password, hashing);
        return CryptographicOperations.FixedTimeEquals(stored[..size], given);
    }

    /// <summary>Whether a password can match it.</summary>
    public static bool IsHash(string hash, PasswordHashing hashing) => TryDecode(hash, hashing, stackalloc byte[LargestSize]);

    private static int SizeOf(PasswordHashing hashing) => SaltSize + (hashing == PasswordHashing.Sha512 ? SHA512.HashSizeInBytes : SHA256.HashSizeInBytes);

    private static bool TryDecode(string hash, PasswordHashing hashing, Span<byte> stored)
    {
        ArgumentNullException.ThrowIfNull(hash);
        var size = SizeOf(hashing);
        return hash.Length == (size + 2) / 3 * 4 && Convert.TryFromBase64String(hash, stored, out var length) && length == size;
    }

    private static void Fill(Span<byte> hash, ReadOnlySpan<byte> password, PasswordHashing hashing)
    {
        var salted = new byte[SaltSize + password.Length];
        hash[..SaltSize].CopyTo(salted);
        password.CopyTo(salted.AsSpan(SaltSize));
        _ = hashing == PasswordHashing.Sha512 ? SHA512.HashData(salted, hash[SaltSize..]) : SHA256.HashData(salted, hash[SaltSize..]);
    }
}
