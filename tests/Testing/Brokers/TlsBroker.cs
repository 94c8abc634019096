using System.Globalization;
using System.Security.Cryptography.X509Certificates;
using Granary.Testing.Certificates;
using Granary.Testing.Processes;

namespace Granary.Testing.Brokers;

/// <summary>A broker of its own that speaks TLS on every listener, with a certificate for localhost that a CA of the test's own has signed.</summary>
public sealed class TlsBroker : IAsyncDisposable
{
    /// <summary>The name to connect to.</summary>
    public const string Host = "localhost";

    private readonly string _folder;
    private readonly int[] _ports;

    private TlsBroker(BrokerProcess broker, TestAuthority authority, string folder, int[] ports) =>
        (Broker, Authority, _folder, _ports) = (broker, authority, folder, ports);

    /// <summary>Its listeners without TLS, and its log.</summary>
    public BrokerProcess Broker { get; }

    /// <summary>Signs for the broker and, with verify_peer, for its clients.</summary>
    public TestAuthority Authority { get; }

    /// <summary>The port for AMQP in TLS.</summary>
    public int AmqpPort => _ports[0];

    /// <summary>The port for gRPC in TLS.</summary>
    public int GrpcPort => _ports[1];

    /// <summary>The port for HTTPS.</summary>
    public int HttpPort => _ports[2];

    /// <summary>The CA's certificate, in a file.</summary>
    public string AuthorityFile => Path.Combine(_folder, "ca.pem");

    /// <summary>What clients are shown at present, by its SHA-1.</summary>
    public string Thumbprint
    {
        get
        {
            using var certificate = X509Certificate2.CreateFromPem(File.ReadAllText(Path.Combine(_folder, "silo.pem")));
            return certificate.Thumbprint;
        }
    }

    /// <param name="more">Further options.</param>
    public static Task<TlsBroker> StartAsync(params string[] more) => StartAsync(isNameless: false, more);

    /// <summary>As <see cref="StartAsync(string[])"/>, run as <see cref="NamelessUser"/>.</summary>
    public static Task<TlsBroker> StartNamelessAsync(params string[] more) => StartAsync(isNameless: true, more);

    /// <summary>Issues a new certificate for the broker, as whoever renews it does.</summary>
    public void Renew() => Authority.IssueTo(_folder, [Host, "127.0.0.1"]);

    /// <summary>A certificate for a client, and its key, in files.</summary>
    public (string Certificate, string Key) IssueToClient(TestAuthority? signer = null)
    {
        var (certificate, key) = (signer ?? Authority).Issue(["client"]);
        var name = Path.Combine(_folder, Guid.NewGuid().ToString("N"));
        File.WriteAllText($"{name}.pem", certificate);
        File.WriteAllText($"{name}.key", key);
        return ($"{name}.pem", $"{name}.key");
    }

    /// <summary>Whether a client that believes this CA alone believes a certificate.</summary>
    public bool Believes(X509Certificate? certificate)
    {
        using var chain = new X509Chain { ChainPolicy = new X509ChainPolicy { TrustMode = X509ChainTrustMode.CustomRootTrust, RevocationMode = X509RevocationMode.NoCheck } };
        chain.ChainPolicy.CustomTrustStore.ImportFromPem(Authority.Pem);
        return certificate is X509Certificate2 shown && chain.Build(shown) && shown.MatchesHostname(Host);
    }

    /// <inheritdoc/>
    public async ValueTask DisposeAsync()
    {
        try
        {
            await Broker.DisposeAsync().ConfigureAwait(false);
        }
        finally
        {
            Authority.Dispose();
            Directory.Delete(_folder, recursive: true);
        }
    }

    private static async Task<TlsBroker> StartAsync(bool isNameless, string[] more)
    {
        var folder = Directory.CreateTempSubdirectory("granary-tls-").FullName;
        var authority = new TestAuthority();
        authority.IssueTo(folder, [Host, "127.0.0.1"]);
        var ports = FreePort.Take(3);
        string[] options =
        [
            "--tls-certificate", Path.Combine(folder, "silo.pem"), "--tls-key", Path.Combine(folder, "silo.key"), "--tls-ca", Path.Combine(folder, "ca.pem"),
            "--amqp-tls-port", Text(ports[0]), "--grpc-tls-port", Text(ports[1]), "--http-tls-port", Text(ports[2]),
        ];
        if (isNameless)
        {
            NamelessUser.Admit(folder);
        }

        var broker = isNameless ? BrokerProcess.StartNamelessAsync([.. options, .. more]) : BrokerProcess.StartAsync([.. options, .. more]);
        return new TlsBroker(await broker.ConfigureAwait(false), authority, folder, ports);
    }

    private static string Text(int port) => port.ToString(CultureInfo.InvariantCulture);
}
