using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;
using Microsoft.IdentityModel.Tokens;

namespace Granary.Gateway.Access.Tokens;

/// <summary>A file in PEM with a public key, or a certificate of one.</summary>
internal static class TokenKeyFile
{
    public static SecurityKey Read(string id, string path)
    {
        var text = File.ReadAllText(path);
        return PemEncoding.TryFind(text, out var fields) && text.AsSpan()[fields.Label] is "CERTIFICATE"
            ? OfCertificate(id, text)
            : OfKey(id, text);
    }

    /// <summary>Why it is none; null: it is.</summary>
    public static string? Refusal(string path)
    {
        try
        {
            _ = Read("", path);
            return null;
        }
        catch (Exception exception) when (exception is IOException or UnauthorizedAccessException or CryptographicException or ArgumentException)
        {
            return $"{path} is not a file in PEM with a public key of RSA or EC: {exception.Message}";
        }
    }

    private static SecurityKey OfCertificate(string id, string text)
    {
        using var certificate = X509Certificate2.CreateFromPem(text);
        return certificate.GetRSAPublicKey() is { } rsa ? new RsaSecurityKey(rsa.ExportParameters(false)) { KeyId = id }
            : certificate.GetECDsaPublicKey() is { } ec ? new ECDsaSecurityKey(ec) { KeyId = id }
            : throw new CryptographicException("its key is of another kind");
    }

    private static SecurityKey OfKey(string id, string text)
    {
        using var rsa = RSA.Create();
        try
        {
            rsa.ImportFromPem(text);
            return new RsaSecurityKey(rsa.ExportParameters(false)) { KeyId = id };
        }
        catch (CryptographicException)
        {
            // Of the other kind, or of none, which is said then.
            var ec = ECDsa.Create();
            ec.ImportFromPem(text);
            return new ECDsaSecurityKey(ec) { KeyId = id };
        }
    }
}
