using System.Security.Cryptography;
using System.Text;

namespace Granary.Cli.Secrets;

/// <summary>How RabbitMQ encrypts values of its configuration by a passphrase (its credentials_obfuscation_pbe): a key by PBKDF2, then a block cipher in CBC mode, with salt and initial vector in front.</summary>
internal static class PassphraseCipher
{
    public const string StandardCipher = "aes_128_cbc";
    public const string StandardHash = "sha256";
    public const int StandardIterations = 1;

    private const int SaltSize = 16;

    /// <summary>By their names in Erlang's crypto, with the length of their keys in octets.</summary>
    private static readonly Dictionary<string, (Func<SymmetricAlgorithm> Make, int KeySize)> All = new(StringComparer.Ordinal)
    {
        ["aes_128_cbc"] = (Aes.Create, 16),
        ["aes_192_cbc"] = (Aes.Create, 24),
        ["aes_256_cbc"] = (Aes.Create, 32),
    };

    private static readonly Dictionary<string, HashAlgorithmName> Known = new(StringComparer.Ordinal)
    {
        ["sha512"] = HashAlgorithmName.SHA512,
        ["sha384"] = HashAlgorithmName.SHA384,
        ["sha256"] = HashAlgorithmName.SHA256,
    };

    public static IEnumerable<string> Ciphers => All.Keys;

    public static IEnumerable<string> Hashes => Known.Keys;

    public static string Encrypt(byte[] clear, string passphrase, string cipher, string hash, int iterations)
    {
        using var algorithm = All[cipher].Make();
        var salt = RandomNumberGenerator.GetBytes(SaltSize);
        var vector = RandomNumberGenerator.GetBytes(algorithm.BlockSize / 8);
        algorithm.Key = Key(passphrase, salt, cipher, hash, iterations);
        return Convert.ToBase64String([.. salt, .. vector, .. algorithm.EncryptCbc(clear, vector)]);
    }

    /// <summary>Null: it was not encrypted like that.</summary>
    public static byte[]? Decrypt(string encrypted, string passphrase, string cipher, string hash, int iterations)
    {
        using var algorithm = All[cipher].Make();
        var block = algorithm.BlockSize / 8;
        try
        {
            var all = Convert.FromBase64String(encrypted);
            if (all.Length < SaltSize + (2 * block))
            {
                return null;
            }

            algorithm.Key = Key(passphrase, all[..SaltSize], cipher, hash, iterations);
            return algorithm.DecryptCbc(all.AsSpan(SaltSize + block), all.AsSpan(SaltSize, block));
        }
        catch (Exception exception) when (exception is FormatException or CryptographicException)
        {
            // No base64, or another passphrase.
            return null;
        }
    }

    private static byte[] Key(string passphrase, byte[] salt, string cipher, string hash, int iterations) =>
        Rfc2898DeriveBytes.Pbkdf2(Encoding.UTF8.GetBytes(passphrase), salt, iterations, Known[hash], All[cipher].KeySize);
}
