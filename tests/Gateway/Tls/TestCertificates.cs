using System.Net.Security;
using System.Security.Authentication;
using System.Security.Cryptography.X509Certificates;
using Granary.Gateway.Tls;
using Granary.Testing.Certificates;

namespace Granary.Gateway.Tests.Tls;

/// <summary>The certificates of one gateway and its clients, in a folder of their own.</summary>
internal sealed class TestCertificates : IDisposable
{
    private const string Name = "localhost";

    private readonly string _folder = Directory.CreateTempSubdirectory("granary-tls-").FullName;

    public TestCertificates() => Authority.IssueTo(_folder, [Name]);

    public TestAuthority Authority { get; } = new();

    /// <summary>What the gateway shows.</summary>
    public TlsOptions Options => new() { Certificate = PathOf("silo.pem"), Key = PathOf("silo.key"), Authority = PathOf("ca.pem") };

    /// <summary>The gateway's certificate as clients see it.</summary>
    public string Thumbprint
    {
        get
        {
            using var certificate = X509Certificate2.CreateFromPem(File.ReadAllText(PathOf("silo.pem")));
            return certificate.Thumbprint;
        }
    }

    public string PathOf(string file) => Path.Combine(_folder, file);

    /// <summary>A client that believes this CA alone.</summary>
    /// <param name="signer">Who signs the client's own certificate; null: it has none.</param>
    /// <param name="versions">What it speaks.</param>
    public SslClientAuthenticationOptions Client(TestAuthority? signer = null, SslProtocols versions = SslProtocols.None)
    {
        var policy = new X509ChainPolicy { TrustMode = X509ChainTrustMode.CustomRootTrust, RevocationMode = X509RevocationMode.NoCheck };
        policy.CustomTrustStore.ImportFromPem(Authority.Pem);
        var options = new SslClientAuthenticationOptions { TargetHost = Name, CertificateChainPolicy = policy, EnabledSslProtocols = versions };
        if (signer is not null)
        {
            var (certificate, key) = signer.Issue(["client"]);
            options.ClientCertificateContext = SslStreamCertificateContext.Create(X509Certificate2.CreateFromPem(certificate, key), null, offline: true);
        }

        return options;
    }

    public void Dispose()
    {
        Authority.Dispose();
        Directory.Delete(_folder, recursive: true);
    }
}
