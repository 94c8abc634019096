using System.Net.Security;
using Granary.Core.Certificates;

namespace Granary.Gateway.Tls;

/// <summary>The gateway's certificate with its key, and the CAs that sign for its clients: read together, replaced together.</summary>
internal sealed class TlsIdentity : IIdentity
{
    private readonly TlsOptions _options;
    private readonly string _contents;

    private TlsIdentity(TlsOptions options, SslStreamCertificateContext certificate, Authorities? authorities, string contents) =>
        (_options, Certificate, Authorities, _contents) = (options, certificate, authorities, contents);

    /// <summary>What clients are shown.</summary>
    public SslStreamCertificateContext Certificate { get; }

    /// <summary>Who signs for clients; null: nobody, they are not asked.</summary>
    public Authorities? Authorities { get; }

    public DateTimeOffset ValidFrom => Certificate.TargetCertificate.NotBefore;

    public DateTimeOffset ValidUntil => Certificate.TargetCertificate.NotAfter;

    /// <summary>Reads the files. A certificate that has expired is taken, too: it is for clients to refuse it, and better than no listener.</summary>
    /// <exception cref="CertificateException">They are none, or do not belong together.</exception>
    public static TlsIdentity Load(TlsOptions options)
    {
        var (certificateText, keyText, authorityText) = Read(options);
        var chain = CertificateOf(options).Certificates(certificateText);
        var own = CertificateOf(options).WithKey(certificateText, KeyOf(options), keyText, options.KeyPassword);
        chain.RemoveAt(0);
        var authorities = options is { VerifiesPeers: true, Authority: { } file } ? new Authorities(AuthorityOf(file).Certificates(authorityText)) : null;

        // Clients with several certificates choose one by the names of the CAs that they are told.
        var trust = authorities is null ? null : SslCertificateTrust.CreateForX509Collection(authorities.Certificates, sendTrustInHandshake: true);
        return new TlsIdentity(
            options, SslStreamCertificateContext.Create(own, chain, offline: true, trust), authorities, PemFile.Hash(certificateText, keyText, authorityText));
    }

    /// <summary>What takes the place of files that are in use: a certificate that is of no use now is none.</summary>
    /// <exception cref="CertificateException">They are none, do not belong together, or are not valid now.</exception>
    public static TlsIdentity LoadValid(TlsOptions options, DateTimeOffset now)
    {
        var identity = Load(options);
        return identity.ValidUntil < now || identity.ValidFrom > now
            ? throw new CertificateException($"--tls-certificate: {options.Certificate} is valid from {identity.ValidFrom:u} until {identity.ValidUntil:u}, and not now.")
            : identity;
    }

    public bool IsStale()
    {
        try
        {
            var (certificate, key, authority) = Read(_options);
            return _contents != PemFile.Hash(certificate, key, authority);
        }
        catch (CertificateException)
        {
            // Reading them again says why.
            return true;
        }
    }

    private static (string Certificate, string Key, string Authority) Read(TlsOptions options) => (
        CertificateOf(options).Read(), KeyOf(options).Read(), options is { VerifiesPeers: true, Authority: { } authority } ? AuthorityOf(authority).Read() : "");

    private static PemFile CertificateOf(TlsOptions options) => new("--tls-certificate", options.Certificate);

    private static PemFile KeyOf(TlsOptions options) => new("--tls-key", options.Key);

    private static PemFile AuthorityOf(string path) => new("--tls-ca", path);
}
