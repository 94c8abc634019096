using System.Diagnostics;
using System.Reflection;
using Granary.Core.Figures;
using Granary.Gateway.Hosting;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;
using OpenTelemetry;
using OpenTelemetry.Exporter;
using OpenTelemetry.Resources;
using OpenTelemetry.Trace;

namespace Granary.Node.Tracing;

/// <summary>
/// Sends the spans of messages to a collector (OTLP) with OpenTelemetry's own exporter. Nobody waits for it: what it cannot send in time is dropped by its queue of 2,048
/// spans, and that it cannot send is logged.
/// </summary>
internal sealed class TraceExport(TraceSettings settings, ILogger<TraceExport> log, NodeName? name = null) : IHostedService, IDisposable
{
    private const int FlushMilliseconds = 2_000;

    // What has gathered is sent so often; somebody who looks for a message just sent is not to wait.
    private const int SendEveryMilliseconds = 1_000;

    private TracerProvider? _provider;

    public Task StartAsync(CancellationToken cancellationToken)
    {
        var version = typeof(TraceExport).Assembly.GetCustomAttribute<AssemblyInformationalVersionAttribute>()?.InformationalVersion;

        // What the environment says of the service goes before.
        var resource = ResourceBuilder.CreateEmpty()
            .AddService("granary", serviceVersion: version, autoGenerateServiceInstanceId: false, serviceInstanceId: name?.Value ?? Environment.MachineName)
            .AddTelemetrySdk()
            .AddEnvironmentVariableDetector();
        _provider = Sdk.CreateTracerProviderBuilder()
            .SetResourceBuilder(resource)
            .SetSampler(new ParentBasedSampler(new AlwaysOnSampler()))
            .AddSource(TracingOptions.SourceName)
            .AddProcessor(new BatchActivityExportProcessor(new ReportedExporter(new OtlpExporterOptions { Endpoint = settings.ForTraces, Protocol = settings.Protocol == TraceProtocol.HttpProtobuf ? OtlpExportProtocol.HttpProtobuf : OtlpExportProtocol.Grpc }, settings.Endpoint, log), scheduledDelayMilliseconds: SendEveryMilliseconds))
            .Build();
        return Task.CompletedTask;
    }

    public Task StopAsync(CancellationToken cancellationToken) => Task.Run(() => _provider?.Shutdown(FlushMilliseconds), CancellationToken.None);

    public void Dispose() => _provider?.Dispose();
}

/// <summary>Says once when nothing can be sent, and when it can again.</summary>
internal sealed partial class ReportedExporter(OtlpExporterOptions options, Uri endpoint, ILogger log) : OtlpTraceExporter(options)
{
    private long _lost;

    public override ExportResult Export(in Batch<Activity> activityBatch)
    {
        var count = activityBatch.Count;
        var result = base.Export(activityBatch);
        if (result == ExportResult.Failure)
        {
            if (_lost == 0)
            {
                LogCannotSend(log, endpoint);
            }

            _lost += count;
        }
        else if (_lost > 0)
        {
            LogCanSendAgain(log, endpoint, _lost);
            _lost = 0;
        }

        return result;
    }

    [LoggerMessage(9401, LogLevel.Warning, "Spans cannot be sent to {Endpoint}; they are dropped until they can")]
    private static partial void LogCannotSend(ILogger logger, Uri endpoint);

    [LoggerMessage(9402, LogLevel.Information, "Spans can be sent to {Endpoint} again; {Count} were dropped")]
    private static partial void LogCanSendAgain(ILogger logger, Uri endpoint, long count);
}
