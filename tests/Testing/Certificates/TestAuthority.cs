using System.Net;
using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;

namespace Granary.Testing.Certificates;

/// <summary>A CA of a test's own, which signs what it is asked to.</summary>
public sealed class TestAuthority : IDisposable
{
    private const string ForServers = "1.3.6.1.5.5.7.3.1", ForClients = "1.3.6.1.5.5.7.3.2";

    private readonly X509Certificate2 _own;

    /// <summary>One that signs itself.</summary>
    public TestAuthority(string name = "Granary tests")
    {
        using var key = ECDsa.Create(ECCurve.NamedCurves.nistP256);
        var request = AuthorityRequest(name, key);
        _own = request.CreateSelfSigned(DateTimeOffset.UtcNow.AddDays(-10), DateTimeOffset.UtcNow.AddDays(10));
    }

    private TestAuthority(X509Certificate2 own) => _own = own;

    /// <summary>Its certificate.</summary>
    public string Pem => _own.ExportCertificatePem() + "\n";

    /// <summary>A CA that this one signs.</summary>
    public TestAuthority IssueAuthority(string name)
    {
        using var key = ECDsa.Create(ECCurve.NamedCurves.nistP256);
        var request = AuthorityRequest(name, key);
        request.CertificateExtensions.Add(SignerOf());
        using var signed = request.Create(_own, DateTimeOffset.UtcNow.AddDays(-9), DateTimeOffset.UtcNow.AddDays(9), RandomNumberGenerator.GetBytes(12));
        return new TestAuthority(signed.CopyWithPrivateKey(key));
    }

    /// <summary>A certificate for servers and clients, and its key, both in PEM.</summary>
    /// <param name="names">The DNS names and addresses that it is for.</param>
    /// <param name="from">Days from now.</param>
    /// <param name="until">Days from now.</param>
    /// <param name="isForClients">False: for servers alone.</param>
    public (string Certificate, string Key) Issue(string[] names, int from = -1, int until = 1, bool isForClients = true)
    {
        using var key = ECDsa.Create(ECCurve.NamedCurves.nistP256);
        var request = new CertificateRequest("CN=a member", key, HashAlgorithmName.SHA256);
        var alternatives = new SubjectAlternativeNameBuilder();
        foreach (var name in names)
        {
            if (IPAddress.TryParse(name, out var address))
            {
                alternatives.AddIpAddress(address);
            }
            else
            {
                alternatives.AddDnsName(name);
            }
        }

        request.CertificateExtensions.Add(alternatives.Build());
        request.CertificateExtensions.Add(SignerOf());
        request.CertificateExtensions.Add(new X509EnhancedKeyUsageExtension([new Oid(ForServers), .. isForClients ? new[] { new Oid(ForClients) } : []], critical: false));
        using var signed = request.Create(_own, DateTimeOffset.UtcNow.AddDays(from), DateTimeOffset.UtcNow.AddDays(until), RandomNumberGenerator.GetBytes(12));
        return (signed.ExportCertificatePem() + "\n", key.ExportPkcs8PrivateKeyPem() + "\n");
    }

    /// <summary>Writes <c>silo.pem</c>, <c>silo.key</c> and <c>ca.pem</c>.</summary>
    /// <param name="trusted">What <c>ca.pem</c> has; this CA unless told.</param>
    public void IssueTo(string folder, string[] names, string? trusted = null)
    {
        var (certificate, key) = Issue(names);
        Directory.CreateDirectory(folder);
        File.WriteAllText(Path.Combine(folder, "ca.pem"), trusted ?? Pem);
        File.WriteAllText(Path.Combine(folder, "silo.key"), key);
        File.WriteAllText(Path.Combine(folder, "silo.pem"), certificate);
    }

    /// <inheritdoc/>
    public void Dispose() => _own.Dispose();

    // By its key: one CA that follows another often has the same name.
    private X509AuthorityKeyIdentifierExtension SignerOf() => X509AuthorityKeyIdentifierExtension.CreateFromSubjectKeyIdentifier(
        _own.Extensions.OfType<X509SubjectKeyIdentifierExtension>().Single());

    private static CertificateRequest AuthorityRequest(string name, ECDsa key)
    {
        var request = new CertificateRequest($"CN={name}", key, HashAlgorithmName.SHA256);
        request.CertificateExtensions.Add(new X509BasicConstraintsExtension(certificateAuthority: true, hasPathLengthConstraint: false, 0, critical: true));
        request.CertificateExtensions.Add(new X509KeyUsageExtension(X509KeyUsageFlags.KeyCertSign, critical: true));
        request.CertificateExtensions.Add(new X509SubjectKeyIdentifierExtension(request.PublicKey, critical: false));
        return request;
    }
}
