using System.CommandLine;
using System.Globalization;
using System.Security.Authentication;
using Granary.Gateway.Hosting;
using Granary.Gateway.Tls;

namespace Granary.Node;

/// <summary>The options of TLS towards clients.</summary>
internal sealed class TlsSettings
{
    private const int StandardPort = 5671;
    private const string VerifyNone = "verify_none", VerifyPeer = "verify_peer";

    private readonly Option<string?> _certificate = Text("--tls-certificate", "A file in PEM: the certificate that clients are shown, and after it those between it and its CA's.");
    private readonly Option<string?> _key = Text("--tls-key", "A file in PEM: the private key of --tls-certificate.");
    private readonly Option<string?> _authority = Text("--tls-ca", "A file in PEM: the certificates of the CAs that sign for clients.");
    private readonly Option<string> _verify = NodeCommand.Of(
        "--tls-verify", VerifyNone, "verify_peer: clients are asked for a certificate, and one that is shown has to be signed by --tls-ca.", ParseVerify);

    private readonly Option<bool> _require = NodeCommand.Of(
        "--tls-require-certificate", false, "Clients without a certificate are refused, with --tls-verify verify_peer.", NodeCommand.ParseFlag);

    private readonly Option<int> _depth = NodeCommand.Of("--tls-depth", 10, "How many certificates there may be between a client's and its CA's, 0 to 255.", ParseDepth);
    private readonly Option<string> _versions = NodeCommand.Of(
        "--tls-versions", "tlsv1.2,tlsv1.3", "The versions of TLS that are spoken, with commas between them.", text => Versions(text) == SslProtocols.None ? "" : text);

    private readonly Option<TimeSpan> _timeout = NodeCommand.Of(
        "--tls-handshake-timeout", TimeSpan.FromSeconds(5), "How many seconds a client may take to agree on TLS, 1 to 3600.", ParseTimeout);

    private readonly Option<ListenPoints?> _amqp = Listen("--amqp-tls-port", $"AMQP in TLS; {StandardPort} with --tls-certificate");
    private readonly Option<ListenPoints?> _grpc = Listen("--grpc-tls-port", "gRPC in TLS");
    private readonly Option<ListenPoints?> _http = Listen("--http-tls-port", "management and health over HTTPS");
    private readonly Option<ListenPoints?> _metrics = Listen("--metrics-tls-port", "metrics over HTTPS");

    public TlsSettings() => _require.Arity = ArgumentArity.ZeroOrOne;

    public IEnumerable<Option> Options => [_certificate, _key, _authority, _verify, _require, _depth, _versions, _timeout, _amqp, _grpc, _http, _metrics];

    public GatewayOptions AddTo(ParseResult result, GatewayOptions gateway)
    {
        var (certificate, key) = (result.GetValue(_certificate), result.GetValue(_key));
        var tls = (certificate ?? key) is null ? null : new TlsOptions
        {
            Certificate = certificate ?? "",
            Key = key ?? "",
            Authority = result.GetValue(_authority),
            VerifiesPeers = result.GetValue(_verify) == VerifyPeer,
            RequiresPeerCertificate = result.GetValue(_require),
            Depth = result.GetValue(_depth),
            Versions = Versions(result.GetValue(_versions)!),
            HandshakeTimeout = result.GetValue(_timeout),
        };
        return gateway with
        {
            Tls = tls,
            AmqpTls = result.GetValue(_amqp) ?? (tls is null ? ListenPoints.None : ListenPoints.At(StandardPort)),
            GrpcTls = result.GetValue(_grpc) ?? ListenPoints.None,
            HttpTls = result.GetValue(_http) ?? ListenPoints.None,
            MetricsTls = result.GetValue(_metrics) ?? ListenPoints.None,
        };
    }

    private static Option<string?> Text(string name, string description) => NodeCommand.Of<string?>(name, null, description, text => text);

    private static Option<ListenPoints?> Listen(string name, string what) =>
        NodeCommand.Of<ListenPoints?>(name, null, $"The port for {what}; otherwise none unless told. As --amqp-port.", ListenPoints.Parse);

    private static string ParseVerify(string text) =>
        text is VerifyNone or VerifyPeer ? text : throw new FormatException($"'{text}' is not one of {VerifyNone}, {VerifyPeer}");

    private static int ParseDepth(string text) => byte.TryParse(text, out var depth) ? depth : throw new FormatException($"'{text}' is not a number from 0 to 255");

    private static TimeSpan ParseTimeout(string text) =>
        int.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out var seconds) && seconds is >= 1 and <= 3600
            ? TimeSpan.FromSeconds(seconds)
            : throw new FormatException($"'{text}' is not a number of seconds from 1 to 3600");

    private static SslProtocols Versions(string text) => text.Split(',', StringSplitOptions.TrimEntries).Aggregate(SslProtocols.None, (all, one) => all | one switch
    {
        "tlsv1.2" => SslProtocols.Tls12,
        "tlsv1.3" => SslProtocols.Tls13,
        _ => throw new FormatException($"'{one}' is not one of tlsv1.2, tlsv1.3"),
    });
}
