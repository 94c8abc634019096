using Granary.Core.Certificates;
using Granary.Gateway.Amqp;
using Granary.Gateway.Tests.Amqp;
using Granary.Gateway.Tls;
using Granary.Testing.Logs;
using Granary.Testing.Unkind;
using Granary.Testing.Wire;
using Microsoft.Extensions.Time.Testing;

namespace Granary.Gateway.Tests.Tls;

/// <summary>Certificates of clients' listeners that are replaced while clients are connected.</summary>
[Trait(TestSeed.Trait, TestSeed.NotConcerned)]
public sealed class RenewedTlsTests : IAsyncLifetime
{
    private const int NotRenewed = 1713, Expires = 1714;

    private readonly TestCertificates _certificates = new();
    private readonly FakeTimeProvider _time = new(DateTimeOffset.UtcNow);
    private readonly WatchedLog _watched = new();
    private readonly CancellationTokenSource _stopping = new();
    private RenewedTls _tls = null!;
    private Task _run = Task.CompletedTask;

    public Task InitializeAsync()
    {
        _tls = new RenewedTls(_certificates.Options, _time, _watched.LoggerOf<RenewedTls>());
        _run = _tls.RunAsync(_stopping.Token);
        return Task.CompletedTask;
    }

    [Fact]
    public async Task Pair_Replaced_IsShownFromThenOn()
    {
        var before = _tls.Current;
        Replace();
        await LookUntilAsync(() => _tls.Current != before);

        Assert.Equal(_certificates.Thumbprint, _tls.Current.Certificate.TargetCertificate.Thumbprint);
        Assert.Equal(0, _tls.Refused);
    }

    /// <summary>By what the listener is called (<c>api/nodes</c>): the health check of certificates goes by it.</summary>
    [Fact]
    public void Listeners_OfEachProtocol_ShowTheirCertificate()
    {
        using var other = new TestCertificates();
        using var shown = new ShownCertificates(_certificates.Options, other.Options, _time, _watched.LoggerOf<RenewedTls>());
        Assert.All(["amqp/ssl", "grpc/ssl"], protocol => Assert.Same(shown.Amqp, shown.Of(protocol)));
        Assert.All(["https", "https/prometheus"], protocol => Assert.Same(shown.Https, shown.Of(protocol)));
        Assert.All(["amqp", "http", "http/prometheus"], protocol => Assert.Null(shown.Of(protocol)));
    }

    [Fact]
    public async Task Pair_HalfReplaced_LeavesTheOldOneIsCountedAndToldOnce()
    {
        _watched.Expect(NotRenewed);
        var before = _tls.Current;
        var (certificate, key) = _certificates.Authority.Issue(["localhost"]);
        await File.WriteAllTextAsync(_certificates.PathOf("silo.pem"), certificate);
        await LookUntilAsync(() => _tls.Refused > 0);
        Look();
        Look();

        Assert.Same(before, _tls.Current);
        Assert.Equal(1, _tls.Refused);
        Assert.Contains("is not the key of the certificate", Assert.Single(_watched.Lines, line => line.Event == NotRenewed).Text, StringComparison.Ordinal);

        await File.WriteAllTextAsync(_certificates.PathOf("silo.key"), key);
        await LookUntilAsync(() => _tls.Current != before);
    }

    [Fact]
    public async Task Pair_ThatHasExpired_DoesNotTakeThePlaceOfOneThatHasNot()
    {
        _watched.Expect(NotRenewed);
        var before = _tls.Current;
        Replace(from: -5, until: -3);
        await LookUntilAsync(() => _tls.Refused > 0);

        Assert.Same(before, _tls.Current);
    }

    [Fact]
    public async Task Certificate_InTheLastTenthOfItsLife_IsToldOfOnce()
    {
        _watched.Expect(Expires);
        _time.Advance(TimeSpan.FromHours(20));
        await LookUntilAsync(() => _watched.Lines.Any(line => line.Event == Expires));
        Look();

        Assert.Single(_watched.Lines, line => line.Event == Expires);
    }

    [Fact]
    public async Task Clients_AtARenewal_StayAndNewOnesAreShownTheNewCertificate()
    {
        await using var gateway = await ListeningGateway.StartAsync(isDirect: true, new AmqpOptions(), tls: _certificates.Options);
        var tls = gateway.Tls!;
        await using var before = await WireConnection.OpenAsync(gateway.Port, tls: _certificates.Client());
        var old = _certificates.Thumbprint;

        Replace();
        await ConnectionUnderTest.WaitUntilAsync(() => tls.Current.Certificate.TargetCertificate.Thumbprint != old, "the new one is used");
        string? shown = null;
        var client = _certificates.Client();
        client.RemoteCertificateValidationCallback = (_, certificate, _, errors) =>
        {
            shown = certificate?.GetCertHashString();
            return errors == System.Net.Security.SslPolicyErrors.None;
        };
        await using var after = await WireConnection.OpenAsync(gateway.Port, tls: client);

        Assert.Equal(_certificates.Thumbprint, shown);
        await before.CallAsync(1, WireMethods.BasicQos(0, 1), 60, 11);
    }

    public async Task DisposeAsync()
    {
        await _stopping.CancelAsync();
        await _run;
        _stopping.Dispose();
        _certificates.Dispose();
        _watched.Check();
    }

    private void Look() => _time.Advance(RenewedFiles.Period);

    private async Task LookUntilAsync(Func<bool> condition)
    {
        using var limit = new CancellationTokenSource(TimeSpan.FromSeconds(60));
        while (!condition())
        {
            Look();
            await Task.Delay(1, limit.Token);
        }
    }

    private void Replace(int from = -1, int until = 1)
    {
        var (certificate, key) = _certificates.Authority.Issue(["localhost"], from, until);
        File.WriteAllText(_certificates.PathOf("silo.key"), key);
        File.WriteAllText(_certificates.PathOf("silo.pem"), certificate);
    }
}
