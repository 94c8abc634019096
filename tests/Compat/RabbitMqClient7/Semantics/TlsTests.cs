using System.Security.Cryptography.X509Certificates;
using Granary.Testing.Brokers;
using Granary.Testing.Certificates;
using RabbitMQ.Client;
using RabbitMQ.Client.Exceptions;

namespace Granary.RabbitMqClient7.Tests.Semantics;

/// <summary>RabbitMQ.Client in TLS, with certificates on both sides.</summary>
public sealed class TlsTests : IAsyncLifetime
{
    private static readonly TimeSpan Limit = TimeSpan.FromSeconds(60);

    private TlsBroker _broker = null!;

    public async Task InitializeAsync() => _broker = await TlsBroker.StartAsync("--tls-verify", "verify_peer", "--tls-require-certificate");

    [Fact]
    public async Task Connection_AtARenewal_StaysAndTheNextOneIsShownTheNewCertificate()
    {
        var shown = new List<string>();
        await using var before = await ConnectAsync(_broker.Authority, shown);
        await using var channel = await before.ConfirmedChannelAsync();
        var queue = (await channel.QueueDeclareAsync()).QueueName;
        await channel.BasicPublishAsync("", queue, new byte[200_000]);

        _broker.Renew();
        using var limit = new CancellationTokenSource(Limit);
        while (shown[^1] != _broker.Thumbprint)
        {
            await Task.Delay(100, limit.Token);
            await using var next = await ConnectAsync(_broker.Authority, shown);
        }

        await channel.BasicPublishAsync("", queue, new byte[10]);
        Assert.Equal(200_000, await GetAsync(channel, queue));
        Assert.Equal(10, await GetAsync(channel, queue));
        Assert.True(before.IsOpen);
    }

    [Fact]
    public async Task Connection_WithACertificateOfAnotherCaOrNone_IsRefused()
    {
        using var other = new TestAuthority("another");
        await Assert.ThrowsAsync<BrokerUnreachableException>(() => ConnectAsync(other, []));
        await Assert.ThrowsAsync<BrokerUnreachableException>(() => ConnectAsync(null, []));
    }

    public Task DisposeAsync() => _broker.DisposeAsync().AsTask();

    private static async Task<int> GetAsync(IChannel channel, string queue) => (await channel.BasicGetAsync(queue, autoAck: true))?.Body.Length ?? -1;

    private async Task<IConnection> ConnectAsync(TestAuthority? signer, List<string> shown)
    {
        var factory = new ConnectionFactory
        {
            HostName = TlsBroker.Host,
            Port = _broker.AmqpPort,
            Ssl = new SslOption(TlsBroker.Host, enabled: true)
            {
                CertificateValidationCallback = (_, certificate, _, _) =>
                {
                    shown.Add(certificate!.GetCertHashString());
                    return _broker.Believes(certificate);
                },
            },
        };
        if (signer is not null)
        {
            var (certificate, key) = _broker.IssueToClient(signer);
            factory.Ssl.Certs = [X509Certificate2.CreateFromPemFile(certificate, key)];
        }

        return await factory.CreateConnectionAsync().WaitAsync(Limit);
    }
}
