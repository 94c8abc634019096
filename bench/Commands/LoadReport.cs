using System.Globalization;
using System.Text.Json;
using System.Text.Json.Serialization;
using Granary.Bench.Load;

namespace Granary.Bench.Commands;

/// <summary>Prints a result: a few lines for people, or one line of JSON for scripts.</summary>
internal static class LoadReport
{
    public static void Write(LoadResult result, bool json, TextWriter writer)
    {
        if (json)
        {
            writer.WriteLine(JsonSerializer.Serialize(result, ReportJson.Default.LoadResult));
            return;
        }

        Line(writer, "published", result.PublishedPerS, "/s");
        Line(writer, "confirmed", result.ConfirmedPerS, "/s");
        Line(writer, "consumed", result.ConsumedPerS, "/s");
        if (result.Refused > 0)
        {
            writer.WriteLine($"{"refused",-12} {result.Refused} publishes (basic.nack)");
        }

        Percentiles(writer, "latency", result.LatencyP50Us, result.LatencyP90Us, result.LatencyP99Us, result.LatencyP999Us, result.LatencyMaxUs);
        Percentiles(writer, "confirm", result.ConfirmP50Us, result.ConfirmP90Us, result.ConfirmP99Us, result.ConfirmP999Us, result.ConfirmMaxUs);
        Line(writer, "bindings", result.BindingsPerS, "/s");
        Line(writer, "idle opened", result.IdleOpenedPerS, "/s");
        Line(writer, "broker CPU", result.BrokerCpuUsPerMessage, " us/message");
        Line(writer, "broker RSS", result.BrokerRssMib, string.Create(CultureInfo.InvariantCulture, $" MiB, {result.BrokerRssMaxMib} at most"));
        Line(writer, "client CPU", result.ClientCpuS, string.Create(CultureInfo.InvariantCulture, $" s of {result.Seconds} s"));
        if (result.Missing > 0)
        {
            writer.WriteLine($"{"missing",-12} {result.Missing}");
        }
    }

    private static void Line(TextWriter writer, string name, double? value, string unit)
    {
        if (value is { } number)
        {
            writer.WriteLine(string.Create(CultureInfo.InvariantCulture, $"{name,-12} {number:#,0.###}{unit}"));
        }
    }

    private static void Percentiles(TextWriter writer, string name, double? p50, double? p90, double? p99, double? p999, double? max)
    {
        if (p50 is not null)
        {
            writer.WriteLine(string.Create(CultureInfo.InvariantCulture, $"{name,-12} p50 {p50} p90 {p90} p99 {p99} p99.9 {p999} max {max} us"));
        }
    }
}

/// <summary>JSON with one flat object, so that a script can pick a figure with sed.</summary>
[JsonSourceGenerationOptions(
    PropertyNamingPolicy = JsonKnownNamingPolicy.SnakeCaseLower,
    DefaultIgnoreCondition = JsonIgnoreCondition.WhenWritingNull)]
[JsonSerializable(typeof(LoadResult))]
[JsonSerializable(typeof(Measure.ProcessUsage))]
internal sealed partial class ReportJson : JsonSerializerContext;
