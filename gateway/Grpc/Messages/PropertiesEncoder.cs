using System.Buffers.Binary;
using Granary.Gateway.Grpc.Access;
using Granary.V1;
using Wire = Granary.Amqp;

namespace Granary.Gateway.Grpc.Messages;

/// <summary>Properties of requests as AMQP's, in a buffer that is used again.</summary>
internal sealed class PropertiesEncoder
{
    // Flags, eleven short strings, two octets, the timestamp.
    private const int MostWithoutHeaders = 2 + (11 * (1 + Wire.AmqpWriter.MaxShortString)) + 2 + 8;

    private byte[] _buffer = [];

    /// <summary>Flags and values as on the wire; valid until the next call. Null has none.</summary>
    /// <exception cref="Wire.AmqpChannelException">502: a text is too long, a number too large, or the headers are not acceptable.</exception>
    public ReadOnlySpan<byte> Encode(BasicProperties? properties)
    {
        if (properties is null)
        {
            return Wire.BasicPropertiesView.NoProperties;
        }

        var headers = properties.Headers is { } table ? FieldTableEncoding.Encode(table) : null;
        var most = MostWithoutHeaders + Wire.AmqpWriter.SizeOfTable(headers);
        if (_buffer.Length < most)
        {
            _buffer = new byte[most];
        }

        var present = Wire.BasicProperty.None;
        var writer = new Wire.AmqpWriter(_buffer);
        writer.WriteShort(0);
        Text(ref writer, ref present, Wire.BasicProperty.ContentType, properties.HasContentType, properties.ContentType, "content_type");
        Text(ref writer, ref present, Wire.BasicProperty.ContentEncoding, properties.HasContentEncoding, properties.ContentEncoding, "content_encoding");
        if (headers is not null)
        {
            present |= Wire.BasicProperty.Headers;
            writer.WriteTable(headers);
        }

        Octet(ref writer, ref present, Wire.BasicProperty.DeliveryMode, properties.HasDeliveryMode, properties.DeliveryMode, "delivery_mode");
        Octet(ref writer, ref present, Wire.BasicProperty.Priority, properties.HasPriority, properties.Priority, "priority");
        Text(ref writer, ref present, Wire.BasicProperty.CorrelationId, properties.HasCorrelationId, properties.CorrelationId, "correlation_id");
        Text(ref writer, ref present, Wire.BasicProperty.ReplyTo, properties.HasReplyTo, properties.ReplyTo, "reply_to");
        Text(ref writer, ref present, Wire.BasicProperty.Expiration, properties.HasExpiration, properties.Expiration, "expiration");
        Text(ref writer, ref present, Wire.BasicProperty.MessageId, properties.HasMessageId, properties.MessageId, "message_id");
        if (properties.HasTimestamp)
        {
            present |= Wire.BasicProperty.Timestamp;
            writer.WriteLongLong(properties.Timestamp);
        }

        Text(ref writer, ref present, Wire.BasicProperty.Type, properties.HasType, properties.Type, "type");
        Text(ref writer, ref present, Wire.BasicProperty.UserId, properties.HasUserId, properties.UserId, "user_id");
        Text(ref writer, ref present, Wire.BasicProperty.AppId, properties.HasAppId, properties.AppId, "app_id");
        Text(ref writer, ref present, Wire.BasicProperty.ClusterId, properties.HasClusterId, properties.ClusterId, "cluster_id");
        BinaryPrimitives.WriteUInt16BigEndian(_buffer, (ushort)present);
        return _buffer.AsSpan(0, writer.Position);
    }

    private static void Text(
        ref Wire.AmqpWriter writer, ref Wire.BasicProperty present, Wire.BasicProperty property, bool isSet, string text, string name)
    {
        if (isSet)
        {
            present |= property;
            writer.WriteShortString(ShortStrings.Check(text, name));
        }
    }

    private static void Octet(
        ref Wire.AmqpWriter writer, ref Wire.BasicProperty present, Wire.BasicProperty property, bool isSet, uint value, string name)
    {
        if (isSet)
        {
            present |= property;
            writer.WriteOctet(value <= byte.MaxValue ? (byte)value : throw CallErrors.Invalid($"{name} is {value}, outside of 0 to 255"));
        }
    }
}
