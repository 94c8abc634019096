using System.Text;
using Granary.V1;
using Wire = Granary.Amqp;

namespace Granary.Gateway.Grpc.Messages;

/// <summary>AMQP's properties as those of responses.</summary>
internal static class PropertiesDecoding
{
    /// <summary>Null when the message has none.</summary>
    public static BasicProperties? Decode(ReadOnlySpan<byte> bytes)
    {
        var view = Wire.BasicPropertiesView.Read(bytes);
        if (view.Present == Wire.BasicProperty.None)
        {
            return null;
        }

        var properties = new BasicProperties();
        if (view.TryGetContentType(out var text))
        {
            properties.ContentType = Text(text);
        }

        if (view.TryGetContentEncoding(out text))
        {
            properties.ContentEncoding = Text(text);
        }

        if (view.TryGetHeaders(out var headers))
        {
            properties.Headers = FieldTableDecoding.Decode(headers);
        }

        if (view.TryGetDeliveryMode(out var mode))
        {
            properties.DeliveryMode = mode;
        }

        if (view.TryGetPriority(out var priority))
        {
            properties.Priority = priority;
        }

        if (view.TryGetCorrelationId(out text))
        {
            properties.CorrelationId = Text(text);
        }

        if (view.TryGetReplyTo(out text))
        {
            properties.ReplyTo = Text(text);
        }

        if (view.TryGetExpiration(out text))
        {
            properties.Expiration = Text(text);
        }

        if (view.TryGetMessageId(out text))
        {
            properties.MessageId = Text(text);
        }

        if (view.TryGetTimestamp(out var seconds))
        {
            properties.Timestamp = seconds;
        }

        DecodeNames(view, properties);
        return properties;
    }

    private static void DecodeNames(Wire.BasicPropertiesView view, BasicProperties properties)
    {
        if (view.TryGetType(out var text))
        {
            properties.Type = Text(text);
        }

        if (view.TryGetUserId(out text))
        {
            properties.UserId = Text(text);
        }

        if (view.TryGetAppId(out text))
        {
            properties.AppId = Text(text);
        }

        if (view.TryGetClusterId(out text))
        {
            properties.ClusterId = Text(text);
        }
    }

    // Protobuf's strings are UTF-8: what is not shows as U+FFFD.
    private static string Text(ReadOnlySpan<byte> text) => Encoding.UTF8.GetString(text);
}
