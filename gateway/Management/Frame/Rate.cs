using System.Text.Json;
using System.Text.Json.Serialization;
using Granary.Gateway.Management.Histories;

namespace Granary.Gateway.Management.Frame;

/// <summary>How fast something changes, a second: <c>{"rate": 0.0}</c>, as RabbitMQ's <c>…_details</c>.</summary>
/// <param name="Samples">What it was; null: nobody asked.</param>
[JsonConverter(typeof(RateConverter))]
internal readonly record struct Rate(double Value, Samples? Samples = null);

internal sealed class RateConverter : JsonConverter<Rate>
{
    public override Rate Read(ref Utf8JsonReader reader, Type typeToConvert, JsonSerializerOptions options) => throw new NotSupportedException("Rates are only told.");

    public override void Write(Utf8JsonWriter writer, Rate value, JsonSerializerOptions options)
    {
        writer.WriteStartObject();
        Samples.WriteFraction(writer, "rate"u8, value.Value);
        value.Samples?.Write(writer);
        writer.WriteEndObject();
    }
}
