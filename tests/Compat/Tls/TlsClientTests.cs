using System.Globalization;
using System.Net;
using Granary.Compat.Tests.Clients;
using Granary.Testing.Brokers;
using Granary.Testing.Certificates;
using Granary.Testing.Processes;

namespace Granary.Compat.Tests.Tls;

/// <summary>Clients as they are, in TLS: pika, OpenSSL's own, HTTPS.</summary>
public sealed class TlsClientTests(TlsClientTests.Verifying verifying) : IClassFixture<TlsClientTests.Verifying>
{
    private static readonly TimeSpan Limit = TimeSpan.FromSeconds(60);

    private readonly TlsBroker _broker = verifying.Broker;

    [Fact]
    public async Task Pika_WithAndWithoutACertificate_PublishesAndConsumes()
    {
        var (certificate, key) = _broker.IssueToClient();
        await RunPikaAsync(certificate, key, "in");
        await RunPikaAsync("", "", "in");
    }

    [Fact]
    public async Task Pika_WithACertificateOfAnotherCa_IsRefused()
    {
        using var other = new TestAuthority("another");
        var (certificate, key) = _broker.IssueToClient(other);
        await RunPikaAsync(certificate, key, "refused");
    }

    [Theory]
    [InlineData("-tls1_2", 0)]
    [InlineData("-tls1_3", 0)]
    [InlineData("-tls1_1", 1)]
    public async Task OpenSsl_OfEachVersion_IsTakenFrom12On(string version, int code)
    {
        var (output, exit) = await RunOpenSslAsync(_broker.AmqpPort, version);

        Assert.True(exit == code, output);
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task Https_OfHealth_IsAnswered(bool isHttp2)
    {
        using var handler = new SocketsHttpHandler { SslOptions = { RemoteCertificateValidationCallback = (_, certificate, _, _) => _broker.Believes(certificate) } };
        using var http = new HttpClient(handler);
        using var request = new HttpRequestMessage(HttpMethod.Get, $"https://127.0.0.1:{_broker.HttpPort}/health/ready")
        {
            Version = isHttp2 ? HttpVersion.Version20 : HttpVersion.Version11,
            VersionPolicy = HttpVersionPolicy.RequestVersionExact,
        };
        using var answer = await http.SendAsync(request);

        Assert.Equal(HttpStatusCode.OK, answer.StatusCode);
    }

    private Task RunPikaAsync(string certificate, string key, string expected) => ChildProcess.RunAsync(
        Script.Python,
        [RepositoryPath.Of("tests", "Compat", "Python", "tls.py")],
        Limit,
        new Dictionary<string, string>
        {
            ["AMQPS_PORT"] = _broker.AmqpPort.ToString(CultureInfo.InvariantCulture),
            ["CA"] = _broker.AuthorityFile,
            ["CERTIFICATE"] = certificate,
            ["KEY"] = key,
            ["EXPECTED"] = expected,
            ["PYTHONDONTWRITEBYTECODE"] = "1",
        });

    private async Task<(string Output, int Code)> RunOpenSslAsync(int port, string version)
    {
        await using var client = ChildProcess.Start(
            "openssl",
            ["s_client", "-connect", $"127.0.0.1:{port}", "-CAfile", _broker.AuthorityFile, "-verify_return_error", "-verify_hostname", TlsBroker.Host, "-brief", version]);
        var code = await client.WaitForExitAsync(Limit);
        return (client.Output, code);
    }

    /// <summary>The broker of these tests, which asks for certificates and does without.</summary>
    public sealed class Verifying : IAsyncLifetime
    {
        public TlsBroker Broker { get; private set; } = null!;

        public async Task InitializeAsync() => Broker = await TlsBroker.StartAsync("--tls-verify", "verify_peer");

        public Task DisposeAsync() => Broker.DisposeAsync().AsTask();
    }
}
