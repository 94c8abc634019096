using System.Globalization;
using System.Text.Json;
using System.Text.Json.Serialization;

namespace Granary.Gateway.Management.Frame;

/// <summary>How fast something changes, a second: <c>{"rate": 0.0}</c>, as RabbitMQ's <c>…_details</c>.</summary>
[JsonConverter(typeof(RateConverter))]
internal readonly record struct Rate(double Value);

/// <summary>A number with a decimal point always, as some tell integers and others apart by it.</summary>
internal sealed class RateConverter : JsonConverter<Rate>
{
    public override Rate Read(ref Utf8JsonReader reader, Type typeToConvert, JsonSerializerOptions options) => throw new NotSupportedException("Rates are only told.");

    public override void Write(Utf8JsonWriter writer, Rate value, JsonSerializerOptions options)
    {
        Span<byte> text = stackalloc byte[40];
        var rounded = Math.Round(value.Value, 2);
        rounded.TryFormat(text, out var length, "0.0###", CultureInfo.InvariantCulture);
        writer.WriteStartObject();
        writer.WritePropertyName("rate"u8);
        writer.WriteRawValue(text[..length], skipInputValidation: true);
        writer.WriteEndObject();
    }
}
