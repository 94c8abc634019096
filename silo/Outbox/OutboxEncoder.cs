using System.Text;
using System.Text.Json;
using System.Text.Json.Serialization;
using Granary.Amqp;
using Granary.Core.Messages;

namespace Granary.Silo.Outbox;

/// <summary>Makes records of messages that wait in the database. Used again for the next one; not for two threads.</summary>
internal sealed class OutboxEncoder
{
    private readonly PublishedProperties _acted = new();

    /// <exception cref="AmqpException">It has what no client could publish.</exception>
    /// <exception cref="JsonException">Its properties are none.</exception>
    /// <exception cref="ArgumentException">A text is too long.</exception>
    public EncodedMessage Encode(OutboxMessage message)
    {
        var asked = JsonSerializer.Deserialize(message.Properties, OutboxJson.Default.BasicProperties) ?? new BasicProperties();
        ReadOnlySpan<byte> properties = (asked with { DeliveryMode = asked.DeliveryMode ?? 2 }).Encode();
        _acted.Read(properties, user: "");
        if (_acted.WantsDirectReply || _acted.ClaimedUser is not null)
        {
            throw new ArgumentException("There is no connection and no user that it could be of.");
        }

        ReadOnlyMemory<byte>[] copies = [];
        if (_acted.HasCopies)
        {
            BasicPropertiesView.Read(properties).TryGetHeaders(out var headers);
            copies = CopyKeys.Read(headers);
            properties = BasicPropertiesEdit.WithoutHeader(properties, "BCC"u8);
        }

        var (exchange, key) = (Encoding.UTF8.GetBytes(message.Exchange), Encoding.UTF8.GetBytes(message.RoutingKey));
        var size = MessageRecord.SizeOf((_acted.Flags & MessageFlags.HasExpiry) != 0, exchange.Length, key.Length, properties.Length, message.Body.Length);
        var record = new byte[size];
        var body = MessageRecord.WriteHead(record, _acted.Flags, _acted.Priority, _acted.Expiry, exchange, key, properties, message.Body.Length);
        message.Body.CopyTo(record, body);
        return new EncodedMessage(message, exchange, key, copies, properties.ToArray(), new MessageBatch(record, 1, _acted.Flags));
    }
}

/// <param name="Copies">Further routing keys, from the headers CC and BCC.</param>
/// <param name="Properties">As on the wire.</param>
internal sealed record EncodedMessage(
    OutboxMessage Message, byte[] Exchange, byte[] RoutingKey, ReadOnlyMemory<byte>[] Copies, byte[] Properties, MessageBatch Batch);

[JsonSourceGenerationOptions(
    PropertyNamingPolicy = JsonKnownNamingPolicy.SnakeCaseLower, UnmappedMemberHandling = JsonUnmappedMemberHandling.Disallow, Converters = [typeof(FieldTableConverter)])]
[JsonSerializable(typeof(BasicProperties))]
internal sealed partial class OutboxJson : JsonSerializerContext;
