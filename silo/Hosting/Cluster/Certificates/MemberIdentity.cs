using System.Globalization;
using System.Net.Security;
using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;

namespace Granary.Silo.Hosting.Cluster.Certificates;

/// <summary>A member's own certificate with its key, and the CA that it trusts: read together, replaced together.</summary>
internal sealed class MemberIdentity
{
    private const string ForServers = "1.3.6.1.5.5.7.3.1", ForClients = "1.3.6.1.5.5.7.3.2";

    private readonly X509Certificate2Collection _authorities;

    private MemberIdentity(SslStreamCertificateContext certificate, X509Certificate2Collection authorities, string contents) =>
        (Certificate, _authorities, Contents) = (certificate, authorities, contents);

    /// <summary>What this member shows to others.</summary>
    public SslStreamCertificateContext Certificate { get; }

    /// <summary>Tells whether the files have changed: a hash of what was in them.</summary>
    public string Contents { get; }

    public DateTimeOffset ValidFrom => Certificate.TargetCertificate.NotBefore;

    public DateTimeOffset ValidUntil => Certificate.TargetCertificate.NotAfter;

    /// <exception cref="CertificateException">They are not what others would accept.</exception>
    public static MemberIdentity Load(CertificateFiles files)
    {
        var certificateText = Read("--silo-certificate", files.Certificate);
        var keyText = Read("--silo-key", files.Key);
        var authorityText = Read("--silo-ca", files.Authority);
        var chain = Import("--silo-certificate", files.Certificate, certificateText);
        var authorities = Import("--silo-ca", files.Authority, authorityText);
        var own = WithKey(files, certificateText, keyText);
        chain.RemoveAt(0);
        Check(files, own, chain, authorities);
        return new MemberIdentity(SslStreamCertificateContext.Create(own, chain, offline: true), authorities, Hash(certificateText, keyText, authorityText));
    }

    /// <summary>Whether the files have other contents than those that this was read from. What cannot be read has.</summary>
    public bool IsStale(CertificateFiles files)
    {
        try
        {
            return Contents != Hash(Read("--silo-certificate", files.Certificate), Read("--silo-key", files.Key), Read("--silo-ca", files.Authority));
        }
        catch (CertificateException)
        {
            // Reading them again says why.
            return true;
        }
    }

    /// <summary>What another member's certificate is checked by: it is signed by this CA alone, whatever the machine trusts, and nobody else is asked.</summary>
    public X509ChainPolicy CreatePolicy() => CreatePolicy(_authorities);

    private static X509ChainPolicy CreatePolicy(X509Certificate2Collection authorities)
    {
        var policy = new X509ChainPolicy
        {
            TrustMode = X509ChainTrustMode.CustomRootTrust,
            RevocationMode = X509RevocationMode.NoCheck,
            DisableCertificateDownloads = true,
        };
        policy.CustomTrustStore.AddRange(authorities);
        return policy;
    }

    private static void Check(CertificateFiles files, X509Certificate2 own, X509Certificate2Collection between, X509Certificate2Collection authorities)
    {
        var (file, now) = (files.Certificate, DateTime.Now);
        if (own.NotAfter < now || own.NotBefore > now)
        {
            throw new CertificateException(own.NotAfter < now
                ? $"--silo-certificate: {file} expired at {Time(own.NotAfter)}: renew it."
                : $"--silo-certificate: {file} is not valid before {Time(own.NotBefore)}.");
        }

        if (!own.MatchesHostname(files.Name, allowWildcards: false, allowCommonName: false))
        {
            throw new CertificateException(
                $"--silo-certificate: {file} is not for the name '{files.Name}', which each member's has to have as a DNS name (subjectAltName); --silo-name says which name that is.");
        }

        // A member is the server of some connections and the client of others.
        foreach (var usage in new[] { ForServers, ForClients })
        {
            using var chain = new X509Chain { ChainPolicy = CreatePolicy(authorities) };
            chain.ChainPolicy.ExtraStore.AddRange(between);
            chain.ChainPolicy.ApplicationPolicy.Add(new Oid(usage));
            if (!chain.Build(own))
            {
                throw new CertificateException($"--silo-certificate: {file} {Describe(chain.ChainStatus, $"the CA of {files.Authority}")}.");
            }
        }
    }

    /// <summary>Why a chain does not end where it should, in the words of a sentence that begins with the certificate.</summary>
    public static string Describe(X509ChainStatus[] status, string authority)
    {
        var all = status.Aggregate(X509ChainStatusFlags.NoError, (flags, one) => flags | one.Status);
        if (all.HasFlag(X509ChainStatusFlags.NotTimeValid))
        {
            return "has expired, or is not valid yet, or its CA is";
        }

        if ((all & (X509ChainStatusFlags.PartialChain | X509ChainStatusFlags.UntrustedRoot | X509ChainStatusFlags.NotSignatureValid)) != 0)
        {
            return $"is not signed by {authority}";
        }

        return all.HasFlag(X509ChainStatusFlags.NotValidForUsage)
            ? "is not for both servers and clients (extendedKeyUsage), as a member's has to be"
            : $"is not valid: {string.Join(", ", status.Select(one => one.StatusInformation.TrimEnd('.')).Distinct())}";
    }

    private static string Read(string option, string path)
    {
        try
        {
            return File.ReadAllText(path);
        }
        catch (Exception exception) when (exception is IOException or UnauthorizedAccessException or NotSupportedException)
        {
            throw new CertificateException($"{option}: {path} cannot be read: {exception.Message}", exception);
        }
    }

    private static X509Certificate2Collection Import(string option, string path, string text)
    {
        var certificates = new X509Certificate2Collection();
        try
        {
            certificates.ImportFromPem(text);
        }
        catch (CryptographicException exception)
        {
            throw new CertificateException($"{option}: {path} has a certificate that cannot be read: {exception.Message}", exception);
        }

        return certificates.Count > 0 ? certificates : throw new CertificateException($"{option}: {path} has no certificate in PEM (-----BEGIN CERTIFICATE-----).");
    }

    private static X509Certificate2 WithKey(CertificateFiles files, string certificateText, string keyText)
    {
        if (!keyText.Contains("PRIVATE KEY-----", StringComparison.Ordinal))
        {
            throw new CertificateException($"--silo-key: {files.Key} has no private key in PEM (-----BEGIN PRIVATE KEY-----).");
        }

        if (keyText.Contains("ENCRYPTED", StringComparison.Ordinal))
        {
            throw new CertificateException($"--silo-key: {files.Key} is protected by a password, which a process that starts by itself cannot give: take it off.");
        }

        try
        {
            return X509Certificate2.CreateFromPem(certificateText, keyText);
        }
        catch (Exception exception) when (exception is CryptographicException or ArgumentException)
        {
            throw new CertificateException($"--silo-key: {files.Key} is not the key of the certificate in {files.Certificate}.", exception);
        }
    }

    private static string Hash(params ReadOnlySpan<string> texts)
    {
        using var hash = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
        foreach (var text in texts)
        {
            hash.AppendData(System.Text.Encoding.UTF8.GetBytes($"{text.Length} {text}"));
        }

        return Convert.ToHexString(hash.GetHashAndReset());
    }

    private static string Time(DateTime time) => time.ToUniversalTime().ToString("yyyy-MM-dd HH:mm 'UTC'", CultureInfo.InvariantCulture);
}
