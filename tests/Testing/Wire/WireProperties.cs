namespace Granary.Testing.Wire;

/// <summary>The basic properties of a message, read and written without the product's own code. Those of no test are passed over, and are not here.</summary>
public sealed record WireProperties
{
    /// <summary>Property flags of the specification's section 4.2.6.1, from the highest bit on.</summary>
    private const ushort ContentTypeFlag = 1 << 15, EncodingFlag = 1 << 14, HeadersFlag = 1 << 13, DeliveryModeFlag = 1 << 12, PriorityFlag = 1 << 11,
        CorrelationFlag = 1 << 10, ReplyToFlag = 1 << 9, ExpirationFlag = 1 << 8, MessageIdFlag = 1 << 7, TimestampFlag = 1 << 6, TypeFlag = 1 << 5,
        UserIdFlag = 1 << 4, AppIdFlag = 1 << 3, ClusterIdFlag = 1 << 2;

    /// <summary>The property of that name.</summary>
    public string? ContentType { get; init; }

    /// <inheritdoc cref="ContentType"/>
    public string? ContentEncoding { get; init; }

    /// <inheritdoc cref="ContentType"/>
    public IReadOnlyDictionary<string, object?>? Headers { get; init; }

    /// <inheritdoc cref="ContentType"/>
    public byte? DeliveryMode { get; init; }

    /// <inheritdoc cref="ContentType"/>
    public byte? Priority { get; init; }

    /// <inheritdoc cref="ContentType"/>
    public string? CorrelationId { get; init; }

    /// <inheritdoc cref="ContentType"/>
    public string? ReplyTo { get; init; }

    /// <inheritdoc cref="ContentType"/>
    public string? Expiration { get; init; }

    /// <inheritdoc cref="ContentType"/>
    public string? MessageId { get; init; }

    /// <inheritdoc cref="ContentType"/>
    public ulong? Timestamp { get; init; }

    /// <inheritdoc cref="ContentType"/>
    public string? Type { get; init; }

    /// <inheritdoc cref="ContentType"/>
    public string? UserId { get; init; }

    /// <inheritdoc cref="ContentType"/>
    public string? AppId { get; init; }

    /// <inheritdoc cref="ContentType"/>
    public string? ClusterId { get; init; }

    /// <summary>Those of a content header frame.</summary>
    public static (ulong BodySize, WireProperties Properties) Read(WireFrame header)
    {
        ArgumentNullException.ThrowIfNull(header);
        var reader = new WireReader(header.Payload.AsMemory(4));
        var size = reader.LongLong();
        var flags = reader.Short();
        return (size, new WireProperties
        {
            ContentType = Text(ContentTypeFlag),
            ContentEncoding = Text(EncodingFlag),
            Headers = Has(HeadersFlag) ? reader.Table() : null,
            DeliveryMode = Has(DeliveryModeFlag) ? reader.Octet() : null,
            Priority = Has(PriorityFlag) ? reader.Octet() : null,
            CorrelationId = Text(CorrelationFlag),
            ReplyTo = Text(ReplyToFlag),
            Expiration = Text(ExpirationFlag),
            MessageId = Text(MessageIdFlag),
            Timestamp = Has(TimestampFlag) ? reader.LongLong() : null,
            Type = Text(TypeFlag),
            UserId = Text(UserIdFlag),
            AppId = Text(AppIdFlag),
            ClusterId = Text(ClusterIdFlag),
        });

        bool Has(ushort flag) => (flags & flag) != 0;
        string? Text(ushort flag) => Has(flag) ? reader.ShortString() : null;
    }

    /// <summary>The flags, and the properties that they announce.</summary>
    public (ushort Flags, byte[] Bytes) Write()
    {
        var writer = new WireWriter();
        ushort flags = 0;
        Text(ContentTypeFlag, ContentType);
        Text(EncodingFlag, ContentEncoding);
        Add(HeadersFlag, Headers is not null, () => writer.Table(Headers));
        Add(DeliveryModeFlag, DeliveryMode is not null, () => writer.Octet(DeliveryMode!.Value));
        Add(PriorityFlag, Priority is not null, () => writer.Octet(Priority!.Value));
        Text(CorrelationFlag, CorrelationId);
        Text(ReplyToFlag, ReplyTo);
        Text(ExpirationFlag, Expiration);
        Text(MessageIdFlag, MessageId);
        Add(TimestampFlag, Timestamp is not null, () => writer.LongLong(Timestamp!.Value));
        Text(TypeFlag, Type);
        Text(UserIdFlag, UserId);
        Text(AppIdFlag, AppId);
        Text(ClusterIdFlag, ClusterId);
        return (flags, writer.ToArray());

        void Text(ushort flag, string? value) => Add(flag, value is not null, () => writer.ShortString(value!));
        void Add(ushort flag, bool isSet, Action write)
        {
            if (isSet)
            {
                flags |= flag;
                write();
            }
        }
    }
}
