namespace Granary.Node.Tracing;

/// <summary>Where spans go. Headers, timeouts and certificates are OpenTelemetry's own variables, <c>OTEL_EXPORTER_OTLP_*</c>, which the exporter reads itself.</summary>
/// <param name="Endpoint">As in <c>OTEL_EXPORTER_OTLP_ENDPOINT</c>: without a path of a signal.</param>
internal sealed record TraceSettings(Uri Endpoint, TraceProtocol Protocol)
{
    /// <summary>OTLP over HTTP has a path for each kind of data; over gRPC the method says it.</summary>
    public Uri ForTraces => Protocol == TraceProtocol.HttpProtobuf ? new Uri($"{Endpoint.AbsoluteUri.TrimEnd('/')}/v1/traces") : Endpoint;
}

/// <summary>How spans are sent. Not the exporter's own type: a node that sends none does without its assembly.</summary>
internal enum TraceProtocol
{
    Grpc,
    HttpProtobuf,
}
