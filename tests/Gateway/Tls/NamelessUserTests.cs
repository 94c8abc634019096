using System.Net.Security;
using System.Security.Cryptography.X509Certificates;
using Granary.Testing.Brokers;
using Granary.Testing.Processes;
using Granary.Testing.Wire;

namespace Granary.Gateway.Tests.Tls;

/// <summary>A broker that runs as containers often do: as a user without a name, a home and HOME.</summary>
public sealed class NamelessUserTests
{
    [NamelessUserFact]
    public async Task Tls_OfABrokerWithoutAHome_IsSpokenAndClientsCertificatesAreChecked()
    {
        await using var broker = await TlsBroker.StartNamelessAsync("--tls-verify", "verify_peer", "--tls-require-certificate");
        var (certificate, key) = broker.IssueToClient();
        using var own = X509Certificate2.CreateFromPemFile(certificate, key);
        var tls = new SslClientAuthenticationOptions
        {
            TargetHost = TlsBroker.Host,
            ClientCertificates = [own],
            RemoteCertificateValidationCallback = (_, shown, _, _) => broker.Believes(shown),
        };

        await using var connection = await WireConnection.OpenAsync(broker.AmqpPort, tls: tls);

        await connection.CallAsync(1, WireMethods.QueueDeclare("q"), 50, 11);
    }

    [AttributeUsage(AttributeTargets.Method)]
    private sealed class NamelessUserFactAttribute : FactAttribute
    {
        public NamelessUserFactAttribute() => Skip = NamelessUser.Missing;
    }
}
