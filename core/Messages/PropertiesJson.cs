using Granary.Amqp;

namespace Granary.Core.Messages;

/// <summary>A message's properties as RabbitMQ's management tells and takes them.</summary>
public sealed record PropertiesJson
{
    public string? ContentType { get; init; }

    public string? ContentEncoding { get; init; }

    public FieldTable? Headers { get; init; }

    public byte? DeliveryMode { get; init; }

    public byte? Priority { get; init; }

    public string? CorrelationId { get; init; }

    public string? ReplyTo { get; init; }

    public string? Expiration { get; init; }

    public string? MessageId { get; init; }

    public ulong? Timestamp { get; init; }

    public string? Type { get; init; }

    public string? UserId { get; init; }

    public string? AppId { get; init; }

    public string? ClusterId { get; init; }

    public static PropertiesJson Of(BasicProperties properties) => new()
    {
        ContentType = properties.ContentType,
        ContentEncoding = properties.ContentEncoding,
        Headers = properties.Headers,
        DeliveryMode = properties.DeliveryMode,
        Priority = properties.Priority,
        CorrelationId = properties.CorrelationId,
        ReplyTo = properties.ReplyTo,
        Expiration = properties.Expiration,
        MessageId = properties.MessageId,
        Timestamp = properties.Timestamp,
        Type = properties.Type,
        UserId = properties.UserId,
        AppId = properties.AppId,
        ClusterId = properties.ClusterId,
    };

    /// <returns>As on the wire (4.2.6.1).</returns>
    /// <exception cref="ArgumentException">A text is too long.</exception>
    public byte[] Encode() => new BasicProperties
    {
        ContentType = ContentType,
        ContentEncoding = ContentEncoding,
        Headers = Headers,
        DeliveryMode = DeliveryMode,
        Priority = Priority,
        CorrelationId = CorrelationId,
        ReplyTo = ReplyTo,
        Expiration = Expiration,
        MessageId = MessageId,
        Timestamp = Timestamp,
        Type = Type,
        UserId = UserId,
        AppId = AppId,
        ClusterId = ClusterId,
    }.Encode();
}
