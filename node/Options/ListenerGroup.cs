using System.CommandLine;
using System.Net;
using Granary.Gateway.Amqp.Proxy;
using Granary.Gateway.Hosting;
using Granary.Node.Configuration;

namespace Granary.Node.Options;

/// <summary>The options of where the gateway listens.</summary>
internal sealed class ListenerGroup(Settings settings)
{
    private const int StandardTlsPort = 5671;

    private readonly Option<ListenPoints> _amqp = settings.Of(
        "--amqp-port", ListenPoints.At(5672), $"The port for AMQP 0-9-1; 0 picks a free one, none listens nowhere. With an address before it, as in 127.0.0.1:5672, and several with commas.",
        ListenPoints.Parse, "RABBITMQ_NODE_PORT");

    private readonly Option<ListenPoints?> _amqpTls = Of(settings, "--amqp-tls-port", $"AMQP 0-9-1 in TLS; {StandardTlsPort} with --tls-certificate, otherwise none unless told");
    private readonly Option<int?> _proxy = settings.Of<int?>(
        "--proxy-port", null, "A port for AMQP 0-9-1 behind a header of the PROXY protocol; none unless told, 0 picks a free one.", text => SettingText.Port(text));

    private readonly Option<ProxyNetworks?> _proxyNetworks = settings.Of<ProxyNetworks?>(
        "--proxy-networks", null, "The networks and addresses of the proxies that --proxy-port is for, with commas between them.", ProxyNetworks.Parse);

    private readonly Option<ListenPoints> _grpc = Of(settings, "--grpc-port", 50051, "gRPC");
    private readonly Option<ListenPoints?> _grpcTls = Of(settings, "--grpc-tls-port", "gRPC in TLS; none unless told");
    private readonly Option<ListenPoints> _http = Of(settings, "--http-port", 15672, "management and health");
    private readonly Option<ListenPoints?> _httpTls = Of(settings, "--http-tls-port", "management and health over HTTPS; none unless told");
    private readonly Option<ListenPoints> _metrics = Of(settings, "--metrics-port", 15692, "metrics");
    private readonly Option<ListenPoints?> _metricsTls = Of(settings, "--metrics-tls-port", "metrics over HTTPS; none unless told");
    private readonly Option<IPAddress> _bind = settings.Of(
        "--bind", IPAddress.Loopback, "The address of all listeners that have none of their own.", SettingText.Address, "RABBITMQ_NODE_IP_ADDRESS");

    private readonly Option<TimeSpan> _tlsTimeout = settings.Of(
        "--tls-handshake-timeout", TimeSpan.FromSeconds(5), "How many seconds a client may take to agree on TLS.", SettingText.Timeout);

    private readonly TlsGroup _tls = new(settings, "tls", "of AMQP and gRPC", "");
    private readonly TlsGroup _https = new(settings, "https", "of HTTPS", " Those of --tls-… unless told.");

    public GatewayOptions AddTo(GatewayOptions gateway, ParseResult result)
    {
        var timeout = result.GetValue(_tlsTimeout);
        var tls = _tls.Read(result, settings.ReadSecret(Secret.TlsKeyPassword));
        var https = _https.Read(result, settings.ReadSecret(Secret.HttpsKeyPassword), tls);
        return gateway with
        {
            Bind = result.GetValue(_bind)!,
            Amqp = result.GetValue(_amqp)!,
            AmqpTls = result.GetValue(_amqpTls) ?? (tls is null ? ListenPoints.None : ListenPoints.At(StandardTlsPort)),
            ProxyPort = result.GetValue(_proxy),
            ProxyNetworks = result.GetValue(_proxyNetworks),
            Grpc = result.GetValue(_grpc)!,
            GrpcTls = result.GetValue(_grpcTls) ?? ListenPoints.None,
            Http = result.GetValue(_http)!,
            HttpTls = result.GetValue(_httpTls) ?? ListenPoints.None,
            Metrics = result.GetValue(_metrics)!,
            MetricsTls = result.GetValue(_metricsTls) ?? ListenPoints.None,
            Tls = tls is null ? null : tls with { HandshakeTimeout = timeout },
            Https = https is null ? null : https with { HandshakeTimeout = timeout },
        };
    }

    private static Option<ListenPoints> Of(Settings settings, string name, int standard, string what) =>
        settings.Of(name, ListenPoints.At(standard), $"The port for {what}, as --amqp-port.", ListenPoints.Parse);

    private static Option<ListenPoints?> Of(Settings settings, string name, string what) =>
        settings.Of<ListenPoints?>(name, null, $"The port for {what}. As --amqp-port.", ListenPoints.Parse);
}
