using System.Buffers.Text;
using System.Text;
using Granary.Core.Messages;

namespace Granary.Gateway.Amqp.DirectReply;

/// <summary>
/// The names of direct reply-to: <c>amq.rabbitmq.reply-to</c> as the client says it, and <c>amq.rabbitmq.reply-to.&lt;consumer&gt;.&lt;key&gt;</c>
/// as the one who replies sees it, in a cluster with <c>.&lt;gateway&gt;</c> behind it. Nobody but the broker reads what is in it.
/// </summary>
internal static class ReplyAddress
{
    public const string PseudoQueueName = "amq.rabbitmq.reply-to";

    private const string Prefix = "amq.rabbitmq.reply-to.";

    private const int GuidLength = 32;

    public static ReadOnlySpan<byte> PseudoQueue => PublishedProperties.DirectReplyTo;

    private static ReadOnlySpan<byte> PrefixBytes => "amq.rabbitmq.reply-to."u8;

    public static bool IsReplyKey(ReadOnlySpan<byte> routingKey) => routingKey.StartsWith(PrefixBytes);

    public static bool IsReplyName(string queue) => queue == PseudoQueueName || queue.StartsWith(Prefix, StringComparison.Ordinal);

    /// <summary>A name that cannot be guessed.</summary>
    /// <param name="gateway">What <see cref="NameGateway"/> made of the gateway's name; empty for the only one there is.</param>
    public static byte[] Create(Guid consumer, ReadOnlySpan<byte> gateway) =>
    [
        .. Encoding.ASCII.GetBytes($"{Prefix}{consumer:N}.{Guid.NewGuid():N}{(gateway.IsEmpty ? "" : ".")}"), .. gateway,
    ];

    /// <summary>A gateway's name as it is in an address: without what clients might take for a separator.</summary>
    public static byte[] NameGateway(string gateway) => Base64Url.EncodeToUtf8(Encoding.UTF8.GetBytes(gateway));

    /// <summary>The name of a gateway in an address; null when it is none.</summary>
    public static string? ReadGateway(ReadOnlySpan<byte> gateway) =>
        Base64Url.IsValid(gateway) ? Encoding.UTF8.GetString(Base64Url.DecodeFromUtf8(gateway)) : null;

    /// <param name="gateway">Empty when the address names none.</param>
    public static bool TryParse(ReadOnlySpan<byte> routingKey, out Guid consumer, out ReadOnlySpan<byte> gateway)
    {
        consumer = default;
        gateway = default;
        if (!IsReplyKey(routingKey))
        {
            return false;
        }

        var rest = routingKey[PrefixBytes.Length..];
        if (!Utf8Parser.TryParse(rest, out consumer, out var length, 'N') || length != GuidLength || rest.Length < 2 * GuidLength + 1 || rest[GuidLength] != '.')
        {
            return false;
        }

        rest = rest[(2 * GuidLength + 1)..];
        gateway = rest.IsEmpty ? rest : rest[1..];
        return rest.IsEmpty || (rest[0] == '.' && !gateway.IsEmpty);
    }
}
