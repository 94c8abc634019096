using System.CommandLine;
using Granary.Gateway.Hosting;
using Granary.Node.Configuration;
using Granary.Node.Tracing;

namespace Granary.Node.Options;

/// <summary>The options of traces: nothing is traced unless they say where spans go.</summary>
internal sealed class TraceGroup(Settings settings)
{
    private readonly Option<Uri?> _endpoint = settings.Of<Uri?>(
        "--otlp-endpoint", null, "Where spans of messages are sent by OTLP, such as http://localhost:4317; messages are not traced unless told.", Address, "OTEL_EXPORTER_OTLP_ENDPOINT");

    private readonly Option<TraceProtocol> _protocol = settings.Of(
        "--otlp-protocol", TraceProtocol.Grpc, "How: grpc, or http/protobuf.", Protocol, "OTEL_EXPORTER_OTLP_PROTOCOL");

    private readonly Option<double> _ratio = settings.Of(
        "--trace-sample-ratio", 0d, "For which share of the messages that come without a trace one is begun, 0 to 1.", Ratio);

    public TraceSettings? Read(ParseResult result) => result.GetValue(_endpoint) is { } endpoint ? new TraceSettings(endpoint, result.GetValue(_protocol)) : null;

    public GatewayOptions AddTo(GatewayOptions gateway, ParseResult result) =>
        Read(result) is null ? gateway : gateway with { Tracing = new TracingOptions(result.GetValue(_ratio)) };

    private static Uri Address(string text) =>
        Uri.TryCreate(text, UriKind.Absolute, out var address) && address.Scheme is "http" or "https"
            ? address.UserInfo.Length == 0 ? address : throw new FormatException("a password does not belong there; OTEL_EXPORTER_OTLP_HEADERS is for that")
            : throw new FormatException($"'{text}' is no address of http or https");

    private static TraceProtocol Protocol(string text) => text switch
    {
        "grpc" => TraceProtocol.Grpc,
        "http/protobuf" => TraceProtocol.HttpProtobuf,
        _ => throw new FormatException($"'{text}' is neither grpc nor http/protobuf"),
    };

    private static double Ratio(string text) =>
        double.TryParse(text, System.Globalization.NumberStyles.Float, System.Globalization.CultureInfo.InvariantCulture, out var ratio) && ratio is >= 0 and <= 1
            ? ratio
            : throw new FormatException($"'{text}' is no number from 0 to 1");
}
