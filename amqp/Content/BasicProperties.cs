namespace Granary.Amqp;

/// <summary>The properties of a message as objects, for where speed does not matter; null is absent.</summary>
public sealed record BasicProperties
{
    public string? ContentType { get; init; }

    public string? ContentEncoding { get; init; }

    public FieldTable? Headers { get; init; }

    /// <summary>1 for transient, 2 for persistent.</summary>
    public byte? DeliveryMode { get; init; }

    public byte? Priority { get; init; }

    public string? CorrelationId { get; init; }

    public string? ReplyTo { get; init; }

    /// <summary>Milliseconds as decimal digits.</summary>
    public string? Expiration { get; init; }

    public string? MessageId { get; init; }

    /// <summary>Seconds since 1970.</summary>
    public ulong? Timestamp { get; init; }

    public string? Type { get; init; }

    public string? UserId { get; init; }

    public string? AppId { get; init; }

    public string? ClusterId { get; init; }

    /// <summary>Builds the properties from flags and values as on the wire.</summary>
    /// <exception cref="AmqpConnectionException">501: cannot be decoded.</exception>
    public static BasicProperties Decode(ReadOnlySpan<byte> bytes)
    {
        var view = BasicPropertiesView.Read(bytes);
        return new BasicProperties
        {
            ContentType = Text(view, BasicProperty.ContentType),
            ContentEncoding = Text(view, BasicProperty.ContentEncoding),
            Headers = view.TryGetHeaders(out var headers) ? FieldTable.Decode(headers, Amqp.MethodId.BasicPublish) : null,
            DeliveryMode = view.TryGetDeliveryMode(out var mode) ? mode : null,
            Priority = view.TryGetPriority(out var priority) ? priority : null,
            CorrelationId = Text(view, BasicProperty.CorrelationId),
            ReplyTo = Text(view, BasicProperty.ReplyTo),
            Expiration = Text(view, BasicProperty.Expiration),
            MessageId = Text(view, BasicProperty.MessageId),
            Timestamp = view.TryGetTimestamp(out var seconds) ? seconds : null,
            Type = Text(view, BasicProperty.Type),
            UserId = Text(view, BasicProperty.UserId),
            AppId = Text(view, BasicProperty.AppId),
            ClusterId = Text(view, BasicProperty.ClusterId),
        };
    }

    /// <summary>Flags and values as on the wire.</summary>
    /// <exception cref="ArgumentException">A text has more than 255 bytes of UTF-8.</exception>
    public byte[] Encode()
    {
        var present = BasicProperty.None;
        var size = BasicPropertiesView.FlagsSize;
        for (var property = BasicProperty.ContentType; property >= BasicProperty.ClusterId; property = (BasicProperty)((ushort)property >> 1))
        {
            if (ValueOf(property) is { } value)
            {
                present |= property;
                size += SizeOf(value);
            }
        }

        var bytes = new byte[size];
        var writer = new AmqpWriter(bytes);
        writer.WriteShort((ushort)present);
        for (var property = BasicProperty.ContentType; property >= BasicProperty.ClusterId; property = (BasicProperty)((ushort)property >> 1))
        {
            Write(ref writer, ValueOf(property));
        }

        return bytes;
    }

    private static string? Text(BasicPropertiesView view, BasicProperty property) =>
        view.TryGetText(property, out var octets) ? ShortText.Decode(octets) : null;

    private static int SizeOf(object value) => value switch
    {
        string text => AmqpWriter.SizeOfShortString(text),
        FieldTable table => AmqpWriter.SizeOfTable(table),
        ulong => sizeof(ulong),
        _ => 1,
    };

    private static void Write(ref AmqpWriter writer, object? value)
    {
        switch (value)
        {
            case string text:
                writer.WriteShortString(text);
                break;
            case FieldTable table:
                writer.WriteTable(table);
                break;
            case ulong seconds:
                writer.WriteLongLong(seconds);
                break;
            case byte octet:
                writer.WriteOctet(octet);
                break;
        }
    }

    private object? ValueOf(BasicProperty property) => property switch
    {
        BasicProperty.ContentType => ContentType,
        BasicProperty.ContentEncoding => ContentEncoding,
        BasicProperty.Headers => Headers,
        BasicProperty.DeliveryMode => DeliveryMode,
        BasicProperty.Priority => Priority,
        BasicProperty.CorrelationId => CorrelationId,
        BasicProperty.ReplyTo => ReplyTo,
        BasicProperty.Expiration => Expiration,
        BasicProperty.MessageId => MessageId,
        BasicProperty.Timestamp => Timestamp,
        BasicProperty.Type => Type,
        BasicProperty.UserId => UserId,
        BasicProperty.AppId => AppId,
        _ => ClusterId,
    };
}
