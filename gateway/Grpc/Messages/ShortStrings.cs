using Granary.Amqp;
using Granary.Gateway.Amqp;
using Granary.Gateway.Grpc.Access;

namespace Granary.Gateway.Grpc.Messages;

/// <summary>The limit of AMQP's short strings, which names, keys and most properties are.</summary>
internal static class ShortStrings
{
    /// <exception cref="AmqpChannelException">502: more than 255 bytes of UTF-8.</exception>
    public static string Check(string text, string what)
    {
        // Three bytes per character are the most there are.
        if (text.Length > AmqpWriter.MaxShortString / 3 && ShortText.ByteCount(text) > AmqpWriter.MaxShortString)
        {
            throw TooLong(what);
        }

        return text;
    }

    /// <summary>The name of a queue, without line breaks, as over AMQP.</summary>
    /// <exception cref="AmqpChannelException">502: it is empty, or too long.</exception>
    public static string QueueName(string name) => Names.Clean(Check(name, "queue")) is { Length: > 0 } given ? given : throw CallErrors.Invalid("queue is empty");

    /// <summary>Copies a text of the wire and returns its length.</summary>
    /// <exception cref="AmqpChannelException">502: more than 255 bytes.</exception>
    public static int Copy(ReadOnlySpan<byte> text, string what, Span<byte> to)
    {
        if (text.Length > AmqpWriter.MaxShortString)
        {
            throw TooLong(what);
        }

        text.CopyTo(to);
        return text.Length;
    }

    /// <summary>Writes a checked text and returns its bytes.</summary>
    public static int Write(string text, string what, Span<byte> to) => ShortText.Encode(Check(text, what), to);

    private static AmqpChannelException TooLong(string what) => CallErrors.Invalid($"{what} has more than {AmqpWriter.MaxShortString} bytes");
}
