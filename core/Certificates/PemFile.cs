using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;
using System.Text;

namespace Granary.Core.Certificates;

/// <summary>A file in PEM that an operator has named.</summary>
/// <param name="Option">Which option names it, for what is said of it.</param>
public readonly record struct PemFile(string Option, string Path)
{
    /// <exception cref="CertificateException">It cannot be read.</exception>
    public string Read()
    {
        try
        {
            return File.ReadAllText(Path);
        }
        catch (Exception exception) when (exception is IOException or UnauthorizedAccessException or NotSupportedException)
        {
            throw new CertificateException($"{Option}: {Path} cannot be read: {exception.Message}", exception);
        }
    }

    /// <summary>The certificates in its text, in their order; at least one.</summary>
    /// <exception cref="CertificateException">There is none, or one that cannot be read.</exception>
    public X509Certificate2Collection Certificates(string text)
    {
        var certificates = new X509Certificate2Collection();
        try
        {
            certificates.ImportFromPem(text);
        }
        catch (CryptographicException exception)
        {
            throw new CertificateException($"{Option}: {Path} has a certificate that cannot be read: {exception.Message}", exception);
        }

        return certificates.Count > 0 ? certificates : throw new CertificateException($"{Option}: {Path} has no certificate in PEM (-----BEGIN CERTIFICATE-----).");
    }

    /// <summary>This file's first certificate with its private key.</summary>
    /// <param name="password">What the key is protected by; null: it is not.</param>
    /// <exception cref="CertificateException">The key is none, or not that of the certificate.</exception>
    public X509Certificate2 WithKey(string text, PemFile key, string keyText, string? password = null)
    {
        if (!keyText.Contains("PRIVATE KEY-----", StringComparison.Ordinal))
        {
            throw new CertificateException($"{key.Option}: {key.Path} has no private key in PEM (-----BEGIN PRIVATE KEY-----).");
        }

        var isProtected = keyText.Contains("ENCRYPTED", StringComparison.Ordinal);
        if (isProtected && password is null)
        {
            throw new CertificateException($"{key.Option}: {key.Path} is protected by a password, which a process that starts by itself cannot give: take it off.");
        }

        try
        {
            return isProtected ? X509Certificate2.CreateFromEncryptedPem(text, keyText, password) : X509Certificate2.CreateFromPem(text, keyText);
        }
        catch (Exception exception) when (exception is CryptographicException or ArgumentException)
        {
            throw new CertificateException(
                isProtected
                    ? $"{key.Option}: {key.Path} cannot be opened with its password (-----BEGIN ENCRYPTED PRIVATE KEY----- is understood), or is not the key of the certificate in {Path}."
                    : $"{key.Option}: {key.Path} is not the key of the certificate in {Path}.",
                exception);
        }
    }

    /// <summary>Tells whether what was read is the same: a hash of it.</summary>
    public static string Hash(params ReadOnlySpan<string> texts)
    {
        using var hash = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
        foreach (var text in texts)
        {
            hash.AppendData(Encoding.UTF8.GetBytes($"{text.Length} {text}"));
        }

        return Convert.ToHexString(hash.GetHashAndReset());
    }
}
