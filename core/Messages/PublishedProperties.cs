using System.Buffers.Text;
using System.Globalization;
using System.Numerics;
using System.Text;
using Granary.Amqp;

namespace Granary.Core.Messages;

/// <summary>
/// What the broker acts on in the properties of a published message. Publishers repeat themselves, so the last properties are remembered, and
/// the same bytes are not read again.
/// </summary>
public sealed class PublishedProperties
{
    /// <summary>The pseudo-queue of direct reply-to.</summary>
    public static ReadOnlySpan<byte> DirectReplyTo => "amq.rabbitmq.reply-to"u8;

    private const int Remembered = 128;

    private readonly byte[] _last = new byte[Remembered];
    private int _lastLength = -1;

    public MessageFlags Flags { get; private set; }

    /// <summary>0 to 255; 0 where there is none.</summary>
    public byte Priority { get; private set; }

    /// <summary>The expiration as it was published, in milliseconds from when a queue takes the message; only with <see cref="MessageFlags.HasExpiry"/>.</summary>
    public long Expiry { get; private set; }

    /// <summary>There are CC or BCC keys to route by.</summary>
    public bool HasCopies { get; private set; }

    /// <summary>reply-to is the direct reply-to pseudo-queue, to be replaced by this channel's reply address.</summary>
    public bool WantsDirectReply { get; private set; }

    /// <summary>Who published it, as it says, if that is another than the user who did.</summary>
    public string? ClaimedUser { get; private set; }

    /// <summary>Reads the properties unless they are those of the message before.</summary>
    /// <exception cref="AmqpException">406 for values that RabbitMQ refuses; 501 when they cannot be decoded.</exception>
    public void Read(ReadOnlySpan<byte> properties, string user)
    {
        if (properties.Length == _lastLength && properties.SequenceEqual(_last.AsSpan(0, _lastLength)))
        {
            return;
        }

        _lastLength = -1;
        Examine(properties, user);
        if (properties.Length <= Remembered)
        {
            properties.CopyTo(_last);
            _lastLength = properties.Length;
        }
    }

    private void Examine(ReadOnlySpan<byte> properties, string user)
    {
        BasicPropertiesView.Validate(properties);
        var view = BasicPropertiesView.Read(properties);
        Flags = view.TryGetDeliveryMode(out var mode) && mode == 2 ? MessageFlags.Persistent : MessageFlags.None;
        Priority = 0;
        if (view.TryGetPriority(out var priority))
        {
            Flags |= MessageFlags.HasPriority;
            Priority = priority;
        }

        ClaimedUser = view.TryGetUserId(out var userId) && !userId.SequenceEqual(Encoding.UTF8.GetBytes(user)) ? Encoding.UTF8.GetString(userId) : null;
        WantsDirectReply = view.TryGetReplyTo(out var replyTo) && replyTo.SequenceEqual(DirectReplyTo);
        HasCopies = view.TryGetHeaders(out var headers) && CopyKeys.AreIn(headers);

        // The last, as it may be refused: all else is known then.
        if (view.TryGetExpiration(out var expiration))
        {
            Flags |= MessageFlags.HasExpiry;
            Expiry = ParseExpiration(expiration);
        }
    }

    // rabbit_basic:parse_expiration: decimal digits with or without a sign, as many as there are, within the largest timer there is.
    private static long ParseExpiration(ReadOnlySpan<byte> text)
    {
        const long TenYears = 315_360_000_000;
        var digits = text.IndexOfAny((byte)'+', (byte)'-') == 0 ? 1 : 0;
        var end = text[digits..].IndexOfAnyExceptInRange((byte)'0', (byte)'9') is >= 0 and var length ? digits + length : text.Length;
        if (end == digits)
        {
            throw Invalid(text, "no_integer");
        }

        if (end < text.Length)
        {
            throw Invalid(text, $"{{leftover_string,\"{Encoding.UTF8.GetString(text[end..])}\"}}");
        }

        if (Utf8Parser.TryParse(text[(text[0] == (byte)'+' ? 1 : 0)..], out long milliseconds, out _) && milliseconds is >= 0 and <= TenYears)
        {
            return milliseconds;
        }

        var number = BigInteger.Parse(Encoding.UTF8.GetString(text), NumberStyles.AllowLeadingSign, CultureInfo.InvariantCulture);
        throw Invalid(text, number.Sign < 0 ? $"{{value_negative,{number}}}" : $"{{value_too_large,{number}}}");
    }

    private static AmqpChannelException Invalid(ReadOnlySpan<byte> text, string reason) => new(
        ReplyCode.PreconditionFailed, $"invalid expiration '{Encoding.UTF8.GetString(text)}': {reason}", MethodId.BasicPublish);
}
