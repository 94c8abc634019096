namespace Granary.Amqp;

/// <summary>The text that goes with a reply code in close and return methods.</summary>
public static class ReplyText
{
    /// <summary>Bytes of UTF-8 that a reply text may have: it is a short string.</summary>
    public const int MaxBytes = 255;

    private const string Ellipsis = "...";

    /// <summary>The constant's name in the specification, such as <c>NOT_FOUND</c>.</summary>
    public static string Name(ReplyCode code) => code switch
    {
        ReplyCode.Success => "OK",
        ReplyCode.ContentTooLarge => "CONTENT_TOO_LARGE",
        ReplyCode.NoRoute => "NO_ROUTE",
        ReplyCode.NoConsumers => "NO_CONSUMERS",
        ReplyCode.AccessRefused => "ACCESS_REFUSED",
        ReplyCode.NotFound => "NOT_FOUND",
        ReplyCode.ResourceLocked => "RESOURCE_LOCKED",
        ReplyCode.PreconditionFailed => "PRECONDITION_FAILED",
        ReplyCode.ConnectionForced => "CONNECTION_FORCED",
        ReplyCode.InvalidPath => "INVALID_PATH",
        ReplyCode.FrameError => "FRAME_ERROR",
        ReplyCode.SyntaxError => "SYNTAX_ERROR",
        ReplyCode.CommandInvalid => "COMMAND_INVALID",
        ReplyCode.ChannelError => "CHANNEL_ERROR",
        ReplyCode.UnexpectedFrame => "UNEXPECTED_FRAME",
        ReplyCode.ResourceError => "RESOURCE_ERROR",
        ReplyCode.NotAllowed => "NOT_ALLOWED",
        ReplyCode.NotImplemented => "NOT_IMPLEMENTED",
        ReplyCode.InternalError => "INTERNAL_ERROR",
        _ => throw new ArgumentOutOfRangeException(nameof(code), code, "not a reply code of AMQP 0-9-1"),
    };

    /// <summary>
    /// <c>NAME - explanation</c>; the bare name without an explanation. Past 255 bytes it is cut, on a character's border, and ends in
    /// three dots (RabbitMQ's rabbit_binary_generator keeps 252 bytes).
    /// </summary>
    public static string Format(ReplyCode code, string? explanation = null)
    {
        var name = Name(code);
        if (string.IsNullOrEmpty(explanation))
        {
            return name;
        }

        var text = $"{name} - {explanation}";
        return ShortText.ByteCount(text) <= MaxBytes ? text : Cut(text, MaxBytes - Ellipsis.Length) + Ellipsis;
    }

    private static string Cut(string text, int maxBytes)
    {
        var bytes = 0;
        var chars = 0;
        foreach (var rune in text.EnumerateRunes())
        {
            bytes += rune.Utf8SequenceLength;
            if (bytes > maxBytes)
            {
                break;
            }

            chars += rune.Utf16SequenceLength;
        }

        return text[..chars];
    }
}
