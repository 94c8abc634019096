using OpenTelemetry.Exporter;

namespace Granary.Node.Tracing;

/// <summary>Where spans go. Headers, timeouts and certificates are OpenTelemetry's own variables, <c>OTEL_EXPORTER_OTLP_*</c>, which the exporter reads itself.</summary>
/// <param name="Endpoint">As in <c>OTEL_EXPORTER_OTLP_ENDPOINT</c>: without a path of a signal.</param>
internal sealed record TraceSettings(Uri Endpoint, OtlpExportProtocol Protocol)
{
    /// <summary>OTLP over HTTP has a path for each kind of data; over gRPC the method says it.</summary>
    public Uri ForTraces => Protocol == OtlpExportProtocol.HttpProtobuf ? new Uri($"{Endpoint.AbsoluteUri.TrimEnd('/')}/v1/traces") : Endpoint;
}
