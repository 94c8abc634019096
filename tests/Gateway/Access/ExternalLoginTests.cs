using System.Net;
using System.Net.Http.Headers;
using System.Net.Http.Json;
using System.Net.Security;
using System.Security.Cryptography.X509Certificates;
using System.Text;
using System.Text.Json.Nodes;
using Granary.Testing.Brokers;
using Granary.Testing.Wire;
using Granary.V1;
using Grpc.Net.Client;

namespace Granary.Gateway.Tests.Access;

/// <summary>Users by their certificates: SASL's EXTERNAL, and the same over gRPC and HTTPS.</summary>
public sealed class ExternalLoginTests : IAsyncLifetime
{
    private const string User = "CN=a member", RefusedAmqp = "EXTERNAL";

    private TlsBroker? _broker;

    private TlsBroker Broker => _broker!;

    public async Task InitializeAsync()
    {
        _broker = await TlsBroker.StartAsync("--auth-mechanisms", "PLAIN,EXTERNAL", "--tls-verify", "verify_peer", "--https-verify", "verify_peer");
        Broker.Broker.Watched.Allow(1105, 1505);
    }

    public async Task DisposeAsync() => await Broker.DisposeAsync();

    [Fact]
    public async Task Client_WithACertificate_IsTheUserOfItsName()
    {
        await using (var refused = await StartAsync(withCertificate: true))
        {
            await refused.SendMethodAsync(0, WireMethods.StartOk(mechanism: RefusedAmqp));
            var close = await refused.ExpectCloseAsync();
            Assert.Equal((403, "ACCESS_REFUSED - Login was refused using authentication mechanism EXTERNAL. For details see the broker logfile."), ((int)close.Code, close.Text));
        }

        await AddUserAsync();
        await using var client = await StartAsync(withCertificate: true);
        await client.SendMethodAsync(0, WireMethods.StartOk(mechanism: RefusedAmqp));
        await client.ExpectAsync(10, 30);
        await client.SendMethodAsync(0, WireMethods.TuneOk());
        await client.CallAsync(0, WireMethods.ConnectionOpen(), 10, 41);

        using var http = new HttpClient(Handler(), disposeHandler: true);
        Assert.Contains("\"name\":\"CN=a member\"", await http.GetStringAsync(new Uri($"https://{TlsBroker.Host}:{Broker.HttpPort}/api/whoami")), StringComparison.Ordinal);

        var listed = Assert.Single((await http.GetFromJsonAsync<JsonArray>(new Uri($"https://{TlsBroker.Host}:{Broker.HttpPort}/api/connections")))!)!;
        Assert.Equal((true, "tlsv1.3", "any", "aes_256_gcm", "aead", User), (
            (bool)listed["ssl"]!, (string)listed["ssl_protocol"]!, (string)listed["ssl_key_exchange"]!, (string)listed["ssl_cipher"]!, (string)listed["ssl_hash"]!, (string)listed["peer_cert_subject"]!));
        using var authority = X509Certificate2.CreateFromPem(Broker.Authority.Pem);
        Assert.Equal(authority.Subject, (string)listed["peer_cert_issuer"]!);
        Assert.Matches("^[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9:]{8}Z - [0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9:]{8}Z$", (string)listed["peer_cert_validity"]!);

        using var soon = await http.GetAsync(new Uri($"https://{TlsBroker.Host}:{Broker.HttpPort}/api/health/checks/certificate-expiration/1000/years"));
        Assert.Equal(HttpStatusCode.ServiceUnavailable, soon.StatusCode);
        var expired = (await soon.Content.ReadFromJsonAsync<JsonObject>())!["expired"]!.AsArray();
        Assert.Equal(
            new[] { ("amqp/ssl", Broker.AmqpPort), ("grpc/ssl", Broker.GrpcPort), ("https", Broker.HttpPort) }.Order(),
            expired.Select(static listener => ((string)listener!["protocol"]!, (int)listener["port"]!)).Distinct().Order());
        Assert.All(expired, listener => Assert.Equal((Broker.AuthorityFile, $"{authority.NotAfter.ToUniversalTime():yyyy-MM-dd H:mm:ss}"), ((string)listener!["cacertfile"]!, (string)Assert.Single(listener["cacertfile_expires_on"]!.AsArray())!)));
        Assert.All(expired, static listener => Assert.Matches("^[0-9]{4}-[0-9]{2}-[0-9]{2} [0-9:]{7,8}$", (string)Assert.Single(listener!["certfile_expires_on"]!.AsArray())!));
        Assert.Equal("""{"status":"ok"}""", await http.GetStringAsync(new Uri($"https://{TlsBroker.Host}:{Broker.HttpPort}/api/health/checks/certificate-expiration/0/days")));

        using var channel = GrpcChannel.ForAddress($"https://{TlsBroker.Host}:{Broker.GrpcPort}", new GrpcChannelOptions { HttpHandler = Handler(), DisposeHttpClient = true });
        var queue = await new V1.Topology.TopologyClient(channel).DeclareQueueAsync(new DeclareQueueRequest { Arguments = new FieldTable() });
        Assert.NotEmpty(queue.Queue);
    }

    [Fact]
    public async Task Client_WithoutACertificate_IsRefusedWhereThereIsTls()
    {
        await using var client = await StartAsync(withCertificate: false);
        await client.SendMethodAsync(0, WireMethods.StartOk(mechanism: RefusedAmqp));
        var close = await client.ExpectCloseAsync();
        Assert.Equal((403, "ACCESS_REFUSED - Login was refused using authentication mechanism EXTERNAL. For details see the broker logfile."), ((int)close.Code, close.Text));

        await using var plain = await WireConnection.ConnectAsync(Broker.Broker.AmqpPort);
        await plain.SendAsync(WireConnection.ProtocolHeader);
        Assert.DoesNotContain("EXTERNAL", Encoding.UTF8.GetString((await plain.ExpectAsync(10, 10)).Payload), StringComparison.Ordinal);
    }

    private async Task<WireConnection> StartAsync(bool withCertificate)
    {
        var client = await WireConnection.ConnectAsync(Broker.AmqpPort, tls: Tls(withCertificate));
        await client.SendAsync(WireConnection.ProtocolHeader);
        var start = await client.ExpectAsync(10, 10);
        Assert.Contains("PLAIN EXTERNAL", Encoding.UTF8.GetString(start.Payload), StringComparison.Ordinal);
        return client;
    }

    private async Task AddUserAsync()
    {
        using var http = new HttpClient { BaseAddress = new Uri($"http://127.0.0.1:{Broker.Broker.HttpPort}/api/") };
        http.DefaultRequestHeaders.Authorization = new AuthenticationHeaderValue("Basic", Convert.ToBase64String("guest:guest"u8));
        await PutAsync($"users/{Uri.EscapeDataString(User)}", """{"password_hash":"","tags":"management"}""");
        await PutAsync($"permissions/%2F/{Uri.EscapeDataString(User)}", """{"configure":".*","write":".*","read":".*"}""");

        async Task PutAsync(string path, string body)
        {
            using var content = new StringContent(body, Encoding.UTF8, "application/json");
            using var answer = await http.PutAsync(new Uri(path, UriKind.Relative), content);
            Assert.Equal(HttpStatusCode.Created, answer.StatusCode);
        }
    }

    private SslClientAuthenticationOptions Tls(bool withCertificate)
    {
        var options = new SslClientAuthenticationOptions { TargetHost = TlsBroker.Host, RemoteCertificateValidationCallback = (_, certificate, _, _) => Broker.Believes(certificate) };
        if (withCertificate)
        {
            var (certificate, key) = Broker.IssueToClient();
            using var read = X509Certificate2.CreateFromPemFile(certificate, key);
            options.ClientCertificateContext = SslStreamCertificateContext.Create(X509CertificateLoader.LoadPkcs12(read.Export(X509ContentType.Pkcs12), null), null, offline: true);
        }

        return options;
    }

    private SocketsHttpHandler Handler() => new() { SslOptions = Tls(withCertificate: true) };
}
