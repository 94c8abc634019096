using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;

namespace Granary.Gateway.Tls;

/// <summary>What clients are shown, by what they speak.</summary>
internal sealed class ShownCertificates : BackgroundService
{
    /// <param name="amqp">To clients of AMQP and gRPC; null: nothing, and they do not speak TLS.</param>
    /// <param name="https">To those of HTTPS.</param>
    public ShownCertificates(TlsOptions? amqp, TlsOptions? https, TimeProvider time, ILogger<RenewedTls> log)
    {
        Amqp = amqp is null ? null : new RenewedTls(amqp, time, log);
        Https = https == amqp ? Amqp : https is null ? null : new RenewedTls(https, time, log);
    }

    public RenewedTls? Amqp { get; }

    public RenewedTls? Https { get; }

    /// <summary>Each once.</summary>
    public IReadOnlyList<RenewedTls> All => [.. new[] { Amqp, Https }.OfType<RenewedTls>().Distinct()];

    /// <summary>What the listeners of a protocol show; null: they do not speak TLS.</summary>
    /// <param name="protocol">As <c>api/nodes</c> names it.</param>
    public RenewedTls? Of(string protocol) => protocol switch
    {
        "amqp/ssl" or "grpc/ssl" => Amqp,
        "https" or "https/prometheus" => Https,
        _ => null,
    };

    protected override Task ExecuteAsync(CancellationToken stoppingToken) => Task.WhenAll(All.Select(tls => tls.RunAsync(stoppingToken)));
}
