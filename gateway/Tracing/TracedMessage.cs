using Granary.Amqp;
using Granary.Core.Messages;

namespace Granary.Gateway.Tracing;

/// <summary>What is said of one message (rabbit_trace's msg_to_table): its body as it is, and all else in headers.</summary>
/// <param name="Key">The routing key: <c>publish.</c> and an exchange, or <c>deliver.</c> and a queue.</param>
/// <param name="Record">The message that says it.</param>
internal readonly record struct TracedMessage(ReadOnlyMemory<byte> Key, byte[] Record)
{
    private const int LongestKey = AmqpWriter.MaxShortString;

    public static ReadOnlySpan<byte> Exchange => "amq.rabbitmq.trace"u8;

    /// <param name="kind">With its dot.</param>
    /// <param name="name">Of the exchange or queue; what makes the key too long is cut off.</param>
    /// <param name="more">Headers besides those that tell of the message.</param>
    public static TracedMessage Of(ReadOnlySpan<byte> kind, ReadOnlySpan<byte> name, in MessageRecord message, string node, IEnumerable<KeyValuePair<string, FieldValue>> more)
    {
        var key = new byte[Math.Min(kind.Length + name.Length, LongestKey)];
        kind.CopyTo(key);
        name[..(key.Length - kind.Length)].CopyTo(key.AsSpan(kind.Length));
        var properties = new BasicProperties { Headers = new FieldTable([.. HeadersOf(message, node), .. more]) }.Encode();
        var body = message.Body;
        var record = new byte[MessageRecord.SizeOf(hasExpiry: false, Exchange.Length, key.Length, properties.Length, body.Length)];
        var at = MessageRecord.WriteHead(record, MessageFlags.None, 0, 0, Exchange, key, properties, body.Length);
        body.CopyTo(record.AsSpan(at));
        return new TracedMessage(key, record);
    }

    private static IEnumerable<KeyValuePair<string, FieldValue>> HeadersOf(in MessageRecord message, string node)
    {
        var view = BasicPropertiesView.Read(message.Properties);
        List<FieldValue> keys = [FieldValue.LongString(message.RoutingKey)];
        if ((message.Flags & MessageFlags.SingleKey) == 0 && view.TryGetHeaders(out var headers))
        {
            keys.AddRange(CopyKeys.Read(headers).Select(static key => FieldValue.LongString(key.Span)));
        }

        return
        [
            new("exchange_name", FieldValue.LongString(message.Exchange)),
            new("routing_keys", new FieldArray([.. keys])),
            new("properties", PropertiesOf(view)),
            new("node", node),
        ];
    }

    // By RabbitMQ's names, and in its types: text, table and 32 bits, as long as those are enough.
    private static FieldTable PropertiesOf(in BasicPropertiesView view)
    {
        var properties = BasicProperties.Decode(view.Bytes);
        List<KeyValuePair<string, FieldValue>> all = [];
        Add("content_type", properties.ContentType);
        Add("content_encoding", properties.ContentEncoding);
        if (properties.Headers is { } headers)
        {
            all.Add(new("headers", headers));
        }

        AddNumber("delivery_mode", properties.DeliveryMode);
        AddNumber("priority", properties.Priority);
        Add("correlation_id", properties.CorrelationId);
        Add("reply_to", properties.ReplyTo);
        Add("expiration", properties.Expiration);
        Add("message_id", properties.MessageId);
        AddNumber("timestamp", (long?)properties.Timestamp);
        Add("type", properties.Type);
        Add("user_id", properties.UserId);
        Add("app_id", properties.AppId);
        Add("cluster_id", properties.ClusterId);
        return new FieldTable(all);

        void Add(string name, string? text)
        {
            if (text is not null)
            {
                all.Add(new(name, text));
            }
        }

        void AddNumber(string name, long? number)
        {
            if (number is { } value)
            {
                all.Add(new(name, value is >= int.MinValue and <= int.MaxValue ? (int)value : value));
            }
        }
    }
}
