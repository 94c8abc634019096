using System.Globalization;
using System.Net.Security;
using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;
using Granary.Core.Certificates;

namespace Granary.Silo.Hosting.Cluster.Certificates;

/// <summary>A member's own certificate with its key, and the CA that it trusts: read together, replaced together.</summary>
internal sealed class MemberIdentity : IIdentity
{
    private const string ForServers = "1.3.6.1.5.5.7.3.1", ForClients = "1.3.6.1.5.5.7.3.2";

    private readonly CertificateFiles _files;
    private readonly Authorities _authorities;
    private readonly string _contents;

    private MemberIdentity(CertificateFiles files, SslStreamCertificateContext certificate, Authorities authorities, string contents) =>
        (_files, Certificate, _authorities, _contents) = (files, certificate, authorities, contents);

    /// <summary>What this member shows to others.</summary>
    public SslStreamCertificateContext Certificate { get; }

    public DateTimeOffset ValidFrom => Certificate.TargetCertificate.NotBefore;

    public DateTimeOffset ValidUntil => Certificate.TargetCertificate.NotAfter;

    /// <exception cref="CertificateException">They are not what others would accept.</exception>
    public static MemberIdentity Load(CertificateFiles files)
    {
        var (certificateText, keyText, authorityText) = Read(files);
        var chain = files.CertificateFile.Certificates(certificateText);
        var authorities = new Authorities(files.AuthorityFile.Certificates(authorityText));
        var own = files.CertificateFile.WithKey(certificateText, files.KeyFile, keyText);
        chain.RemoveAt(0);
        Check(files, own, chain, authorities);
        return new MemberIdentity(
            files, SslStreamCertificateContext.Create(own, chain, offline: true), authorities, PemFile.Hash(certificateText, keyText, authorityText));
    }

    public bool IsStale()
    {
        try
        {
            var (certificate, key, authority) = Read(_files);
            return _contents != PemFile.Hash(certificate, key, authority);
        }
        catch (CertificateException)
        {
            // Reading them again says why.
            return true;
        }
    }

    /// <summary>What another member's certificate is checked by: it is signed by this CA alone, whatever the machine trusts, and nobody else is asked.</summary>
    public X509ChainPolicy CreatePolicy() => _authorities.CreatePolicy();

    private static void Check(CertificateFiles files, X509Certificate2 own, X509Certificate2Collection between, Authorities authorities)
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
            using var chain = new X509Chain { ChainPolicy = authorities.CreatePolicy() };
            chain.ChainPolicy.ExtraStore.AddRange(between);
            chain.ChainPolicy.ApplicationPolicy.Add(new Oid(usage));
            if (!chain.Build(own))
            {
                throw new CertificateException($"--silo-certificate: {file} {Describe(chain.ChainStatus, $"the CA of {files.Authority}")}.");
            }
        }
    }

    /// <summary>What is wrong with a member's chain.</summary>
    public static string Describe(X509ChainStatus[] status, string authority) =>
        Authorities.Describe(status, authority, "both servers and clients (extendedKeyUsage), as a member's has to be");

    private static (string Certificate, string Key, string Authority) Read(CertificateFiles files) =>
        (files.CertificateFile.Read(), files.KeyFile.Read(), files.AuthorityFile.Read());

    private static string Time(DateTime time) => time.ToUniversalTime().ToString("yyyy-MM-dd HH:mm 'UTC'", CultureInfo.InvariantCulture);
}
