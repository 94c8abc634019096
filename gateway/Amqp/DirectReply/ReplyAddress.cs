using System.Text;

namespace Granary.Gateway.Amqp.DirectReply;

/// <summary>
/// The names of direct reply-to: <c>amq.rabbitmq.reply-to</c> as the client says it, and <c>amq.rabbitmq.reply-to.&lt;channel&gt;.&lt;key&gt;</c>
/// as the one who replies sees it.
/// </summary>
internal static class ReplyAddress
{
    private const string Prefix = "amq.rabbitmq.reply-to.";

    public static ReadOnlySpan<byte> PseudoQueue => "amq.rabbitmq.reply-to"u8;

    public const string PseudoQueueName = "amq.rabbitmq.reply-to";

    private static ReadOnlySpan<byte> PrefixBytes => "amq.rabbitmq.reply-to."u8;

    public static bool IsReplyKey(ReadOnlySpan<byte> routingKey) => routingKey.StartsWith(PrefixBytes);

    public static bool IsReplyName(string queue) => queue == PseudoQueueName || queue.StartsWith(Prefix, StringComparison.Ordinal);

    /// <summary>A name that cannot be guessed.</summary>
    public static string Create(Guid consumer) => $"{Prefix}{consumer:N}.{Guid.NewGuid():N}";

    public static bool TryParse(ReadOnlySpan<byte> routingKey, out Guid consumer)
    {
        consumer = default;
        if (!IsReplyKey(routingKey))
        {
            return false;
        }

        var rest = routingKey[PrefixBytes.Length..];
        var dot = rest.IndexOf((byte)'.');
        return dot > 0 && Guid.TryParseExact(Encoding.UTF8.GetString(rest[..dot]), "N", out consumer);
    }
}
