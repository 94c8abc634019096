using System.Net;
using System.Net.Security;
using System.Net.Sockets;
using System.Security.Authentication;
using System.Security.Cryptography.X509Certificates;
using Granary.Gateway.Amqp;
using Granary.Gateway.Amqp.Ends;
using Granary.Gateway.Tests.Amqp;
using Granary.Gateway.Tls;
using Granary.Testing.Certificates;
using Granary.Testing.Processes;
using Granary.Testing.Unkind;
using Granary.Testing.Wire;

namespace Granary.Gateway.Tests.Tls;

/// <summary>Who gets in at a port for AMQP in TLS, on both transports.</summary>
[Trait(TestSeed.Trait, TestSeed.NotConcerned)]
public sealed class TlsEntranceTests : IDisposable
{
    private static readonly TimeSpan Limit = TimeSpan.FromSeconds(20);

    private readonly TestCertificates _certificates = new();

    public static TheoryData<bool, SslProtocols> Ways => new()
    {
        { true, SslProtocols.Tls12 }, { true, SslProtocols.Tls13 }, { false, SslProtocols.Tls12 }, { false, SslProtocols.Tls13 },
    };

    private TlsOptions Verifying => _certificates.Options with { VerifiesPeers = true, RequiresPeerCertificate = true };

    [Theory]
    [MemberData(nameof(Ways))]
    public async Task Client_OfTls_SpeaksAmqp(bool isDirect, SslProtocols version)
    {
        await using var gateway = await StartAsync(_certificates.Options, isDirect);
        await using var client = await WireConnection.OpenAsync(gateway.Port, tls: _certificates.Client(versions: version));
        await client.CallAsync(1, WireMethods.BasicQos(0, 1), 60, 11);
        await client.CallAsync(0, WireMethods.ConnectionClose(), 10, 51);

        Assert.Empty(await client.ReadToEndAsync(Limit));
        Assert.Equal(1, gateway.Server.Ends[ConnectionEnd.ClosedByClient]);
    }

    [Fact]
    public async Task Client_OfAVersionThatIsNotSpoken_IsRefused()
    {
        await using var gateway = await StartAsync(_certificates.Options with { Versions = SslProtocols.Tls13 });
        await ExpectRefusalAsync(gateway, _certificates.Client(versions: SslProtocols.Tls12), "unsupported protocol");
    }

    [Fact]
    public async Task Client_WithACertificateOfTheCa_GetsIn()
    {
        await using var gateway = await StartAsync(Verifying);
        await using var client = await WireConnection.OpenAsync(gateway.Port, tls: _certificates.Client(_certificates.Authority));
        await client.CallAsync(1, WireMethods.BasicQos(0, 1), 60, 11);
    }

    [Theory]
    [InlineData(SslProtocols.Tls12)]
    [InlineData(SslProtocols.Tls13)]
    public async Task Client_WithACertificateOfAnotherCa_IsRefused(SslProtocols version)
    {
        using var other = new TestAuthority("another");
        await using var gateway = await StartAsync(Verifying with { RequiresPeerCertificate = false });
        await ExpectRefusalAsync(gateway, _certificates.Client(other, version), "is not signed by a CA of");
    }

    [Fact]
    public async Task Client_WithACertificateOfACaBetween_IsRefusedWhereNoneMayBe()
    {
        using var between = _certificates.Authority.IssueAuthority("between");
        var client = _certificates.Client(between);
        client.ClientCertificateContext = SslStreamCertificateContext.Create(
            client.ClientCertificateContext!.TargetCertificate, [X509Certificate2.CreateFromPem(between.Pem)], offline: true);
        await using (var gateway = await StartAsync(Verifying))
        {
            await using var welcome = await WireConnection.OpenAsync(gateway.Port, tls: client);
        }

        await using var strict = await StartAsync(Verifying with { Depth = 0 });
        await ExpectRefusalAsync(strict, client, "1 others between itself and its CA's, and 0 may be");
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task Client_WithoutACertificate_GetsInUnlessItHasToHaveOne(bool isRequired)
    {
        await using var gateway = await StartAsync(Verifying with { RequiresPeerCertificate = isRequired });
        if (isRequired)
        {
            await ExpectRefusalAsync(gateway, _certificates.Client(), "showed no certificate");
        }
        else
        {
            await using var client = await WireConnection.OpenAsync(gateway.Port, tls: _certificates.Client());
        }
    }

    [Theory]
    [InlineData("-tls1_2")]
    [InlineData("-tls1_3")]
    public async Task Client_ThatDoesNotBelieveTheGateway_IsToldOfWithItsReason(string version)
    {
        // .NET's would only close.
        using var other = new TestCertificates();
        await using var gateway = await StartAsync(_certificates.Options);
        await using var client = ChildProcess.Start(
            "openssl", ["s_client", "-connect", $"127.0.0.1:{gateway.Port}", "-CAfile", other.PathOf("ca.pem"), "-verify_return_error", version]);

        Assert.NotEqual(0, await client.WaitForExitAsync(Limit));
        await ExpectRefusalToldAsync(gateway, "alert unknown ca");
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task Client_ThatWantsToAgreeAnew_IsClosedWithoutAnErrorInTheLog(bool isDirect)
    {
        await using var gateway = await StartAsync(_certificates.Options, isDirect);
        await using var client = ChildProcess.Start(
            "sh", ["-c", $"{{ echo R; sleep 60; }} | openssl s_client -connect 127.0.0.1:{gateway.Port} -tls1_2"]);

        await ConnectionUnderTest.WaitUntilAsync(() => client.Output.Contains("RENEGOTIATING", StringComparison.Ordinal), "it asks");
        await ConnectionUnderTest.WaitUntilAsync(() => gateway.Server.Ends[ConnectionEnd.GoneBeforeOpen] == 1, "it is counted");
    }

    [Theory]
    [InlineData("AMQP\0\0\u0009\u0001", "AMQP without TLS")]
    [InlineData("GET / HTTP/1.1\r\n\r\n", "HTTP without TLS")]
    [InlineData("\u0016Hello", "1648656C6C6F")]
    public async Task Client_OfAnotherProtocol_IsClosedAndToldOf(string text, string what)
    {
        await using var gateway = await StartAsync(_certificates.Options);
        await using var client = await WireConnection.ConnectAsync(gateway.Port);
        await client.SendAsync(System.Text.Encoding.Latin1.GetBytes(text));

        Assert.Empty(await client.ReadToEndAsync(Limit));
        Assert.Equal(1, gateway.Server.Ends[ConnectionEnd.NoTls]);
        Assert.Contains(gateway.Said, line => line.Event == 1109 && line.Text.Contains($"but {what}:", StringComparison.Ordinal));
    }

    [Theory]
    [InlineData(true, new byte[0])]
    [InlineData(true, new byte[] { 0x16 })]
    [InlineData(true, new byte[] { 0x16, 3, 1, 2, 0, 1, 0 })]
    [InlineData(false, new byte[0])]
    [InlineData(false, new byte[] { 0x16, 3, 1, 2, 0, 1, 0 })]
    public async Task Client_ThatDoesNotFinishItsHello_IsClosedInTime(bool isDirect, byte[] start)
    {
        await using var gateway = await StartAsync(_certificates.Options with { HandshakeTimeout = TimeSpan.FromMilliseconds(200) }, isDirect);
        await using var client = await WireConnection.ConnectAsync(gateway.Port);
        await client.SendAsync(start);

        Assert.Empty(await client.ReadToEndAsync(Limit));
        await ConnectionUnderTest.WaitUntilAsync(() => gateway.Server.Ends[ConnectionEnd.HandshakeTimeout] == 1, "it is counted");
    }

    [Fact]
    public async Task Client_ThatLeavesAtOnce_IsNoNews()
    {
        await using var gateway = await StartAsync(_certificates.Options);
        using (var check = new Socket(SocketType.Stream, ProtocolType.Tcp))
        {
            await check.ConnectAsync(IPAddress.Loopback, gateway.Port);
        }

        await ConnectionUnderTest.WaitUntilAsync(() => gateway.Server.Ends[ConnectionEnd.GoneBeforeOpen] == 1, "it is counted");
    }

    [Fact]
    public async Task Client_OfTlsAtThePlainPort_IsToldOf()
    {
        await using var gateway = await ListeningGateway.StartAsync(isDirect: true, new AmqpOptions());
        var failure = await Record.ExceptionAsync(() => WireConnection.ConnectAsync(gateway.Port, tls: _certificates.Client()).WaitAsync(Limit));

        Assert.True(failure is AuthenticationException or IOException, $"{failure}");

        // The client is answered before it is told of.
        await ConnectionUnderTest.WaitUntilAsync(() => gateway.Said.Any(line => line.Event == 1104 && line.Text.Contains("a TLS hello", StringComparison.Ordinal)), "it is told of");
    }

    [Fact]
    public async Task Client_ThatReadsNothing_IsCutInTime()
    {
        await using var gateway = await ListeningGateway.StartAsync(
            isDirect: true, new AmqpOptions { SendTimeout = TimeSpan.FromMilliseconds(300) }, tls: _certificates.Options);
        gateway.Watched.Expect(1209);
        await using var client = await WireConnection.OpenAsync(gateway.Port, receiveBuffer: 4096, tls: _certificates.Client());

        // Nobody reads what these are answered.
        var asking = Task.Run(async () =>
        {
            var ask = new WireFrame(WireFrame.MethodType, 1, WireMethods.BasicQos(0, 1)).ToBytes();
            var many = Enumerable.Range(0, 10_000).SelectMany(_ => ask).ToArray();
            while (true)
            {
                await client.SendAsync(many);
            }
        });
        await Assert.ThrowsAnyAsync<IOException>(() => asking.WaitAsync(Limit));
        Assert.Equal(1, gateway.Server.Ends[ConnectionEnd.NothingRead]);
    }

    public void Dispose() => _certificates.Dispose();

    private static Task<ListeningGateway> StartAsync(TlsOptions tls, bool isDirect = true) => ListeningGateway.StartAsync(isDirect, new AmqpOptions(), tls: tls);

    // With TLS 1.3 a client may only learn of it when it reads.
    private static async Task ExpectRefusalAsync(ListeningGateway gateway, SslClientAuthenticationOptions tls, string reason)
    {
        var failure = await Record.ExceptionAsync(() => WireConnection.OpenAsync(gateway.Port, tls: tls).WaitAsync(Limit));
        Assert.True(failure is AuthenticationException or IOException or InvalidDataException, $"{failure}");
        await ExpectRefusalToldAsync(gateway, reason);
    }

    // It is counted first, and then told of.
    private static async Task ExpectRefusalToldAsync(ListeningGateway gateway, string reason)
    {
        await ConnectionUnderTest.WaitUntilAsync(() => gateway.Said.Any(line => line.Event == 1110), "it is told of");
        Assert.Equal(1, gateway.Server.Ends[ConnectionEnd.TlsRefused]);
        Assert.Contains(reason, Assert.Single(gateway.Said, line => line.Event == 1110).Text, StringComparison.Ordinal);
    }
}
