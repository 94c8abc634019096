using System.Globalization;
using System.Text.Json;
using Granary.Core.Figures;

namespace Granary.Gateway.Management.Histories;

/// <summary>What a number was, at the times that were asked for.</summary>
/// <param name="Missing">So many of the first are not known.</param>
/// <param name="Values">By point of the range; those that are missing are anything.</param>
internal sealed record Samples(HistoryRange Range, int Missing, long[] Values)
{
    /// <summary>As RabbitMQ's management tells them, into an object that has begun: the newest first, then their averages.</summary>
    public void Write(Utf8JsonWriter writer)
    {
        writer.WriteStartArray("samples"u8);
        for (var i = Range.Points - 1; i >= Missing; i--)
        {
            writer.WriteStartObject();
            writer.WriteNumber("sample"u8, Values[i]);
            writer.WriteNumber("timestamp"u8, Range.TimeOf(i));
            writer.WriteEndObject();
        }

        writer.WriteEndArray();
        if (Range.Points - Missing <= 1)
        {
            return;
        }

        var seconds = Range.Increment * (Range.Points - 1 - Missing) / 1000.0;
        WriteFraction(writer, "avg_rate"u8, (Values[^1] - Values[Missing]) / seconds);
        WriteFraction(writer, "avg"u8, Values.AsSpan(Missing).ToArray().Average());
    }

    /// <summary>With a decimal point always, as some tell integers and others apart by it.</summary>
    public static void WriteFraction(Utf8JsonWriter writer, ReadOnlySpan<byte> name, double value)
    {
        Span<byte> text = stackalloc byte[40];
        Math.Round(value, 2).TryFormat(text, out var length, "0.0###", CultureInfo.InvariantCulture);
        writer.WritePropertyName(name);
        writer.WriteRawValue(text[..length], skipInputValidation: true);
    }
}
