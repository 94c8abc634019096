using System.Text.Json;
using System.Text.Json.Serialization;
using Granary.Core;
using Granary.Core.Topology;
using Granary.Silo.Access;
using Granary.Silo.Exchanges;
using Granary.Silo.Ownership;
using Granary.Silo.Policies;
using Granary.Silo.Queues.Activation;

namespace Granary.Silo.Storage.Definitions;

/// <summary>The types that are stored as JSON, with code made for them when this is compiled.</summary>
[JsonSourceGenerationOptions(
    PropertyNamingPolicy = JsonKnownNamingPolicy.CamelCase,
    DefaultIgnoreCondition = JsonIgnoreCondition.WhenWritingDefault,
    UseStringEnumConverter = true,
    Converters = [typeof(EncodedTableConverter), typeof(ConnectionIdConverter)])]
[JsonSerializable(typeof(ExchangeState))]
[JsonSerializable(typeof(QueueState))]
[JsonSerializable(typeof(Binding))]
[JsonSerializable(typeof(RunState))]
[JsonSerializable(typeof(AccessState))]
[JsonSerializable(typeof(PolicyState))]
internal sealed partial class DefinitionsJson : JsonSerializerContext;

/// <summary>Tables keep the bytes that the client sent, which JSON's own types would not: base64.</summary>
internal sealed class EncodedTableConverter : JsonConverter<EncodedTable>
{
    public override EncodedTable Read(ref Utf8JsonReader reader, Type typeToConvert, JsonSerializerOptions options) => new(reader.GetBytesFromBase64());

    public override void Write(Utf8JsonWriter writer, EncodedTable value, JsonSerializerOptions options) => writer.WriteBase64StringValue(value.Bytes.Span);
}

/// <summary>The id, and in a cluster a space and the member.</summary>
internal sealed class ConnectionIdConverter : JsonConverter<ConnectionId>
{
    public override ConnectionId Read(ref Utf8JsonReader reader, Type typeToConvert, JsonSerializerOptions options)
    {
        var parts = reader.GetString()!.Split(' ', 2);
        return Guid.TryParse(parts[0], out var id) ? new ConnectionId(id, parts.ElementAtOrDefault(1)) : throw new JsonException($"'{parts[0]}' is no connection's id.");
    }

    public override void Write(Utf8JsonWriter writer, ConnectionId value, JsonSerializerOptions options) =>
        writer.WriteStringValue(value.Member is null ? value.Value.ToString() : $"{value.Value} {value.Member}");
}
