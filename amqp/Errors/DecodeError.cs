using System.Diagnostics.CodeAnalysis;
using System.Globalization;
using System.Text;

namespace Granary.Amqp;

/// <summary>Builds the errors for bytes that cannot be read, in RabbitMQ's words (rabbit_misc:frame_error, rabbit_reader:frame_error).</summary>
internal static class DecodeError
{
    private const int SnippetBytes = 16;

    [DoesNotReturn]
    public static void Undecodable(ReadOnlySpan<byte> bytes, uint methodId) =>
        throw new AmqpConnectionException(ReplyCode.FrameError, $"cannot decode {ErlangBinary(bytes)}", methodId);

    [DoesNotReturn]
    public static void TooDeep(int limit, uint methodId) =>
        throw new AmqpConnectionException(ReplyCode.FrameError, $"cannot decode: tables and arrays nested deeper than {limit}", methodId);

    [DoesNotReturn]
    public static void MalformedShortString(uint methodId) =>
        throw new AmqpConnectionException(ReplyCode.FrameError, "Malformed UTF-8 in shortstr", methodId);

    [DoesNotReturn]
    public static void Frame(byte type, ReadOnlySpan<byte> payload, string reason) => Frame(type, payload, payload.Length, reason);

    /// <param name="type">The octet that names the frame's type.</param>
    /// <param name="payload">As much of it as is to be shown.</param>
    /// <param name="length">How long it was.</param>
    /// <param name="reason">As RabbitMQ's term for it is printed.</param>
    [DoesNotReturn]
    public static void Frame(byte type, ReadOnlySpan<byte> payload, int length, string reason) =>
        throw new AmqpConnectionException(ReplyCode.FrameError, $"{Describe(type, payload, length)}: {reason}");

    /// <summary>A frame as RabbitMQ's texts have it (rabbit_reader: payload_snippet).</summary>
    public static string Describe(byte type, ReadOnlySpan<byte> payload, int length)
    {
        var extent = length <= SnippetBytes ? "all" : "first 16";
        return $"type {type}, {extent} octets = {ErlangTerm(payload[..Math.Min(payload.Length, SnippetBytes)])}";
    }

    /// <summary>As Erlang's ~w prints a binary; longer than a reply text can show is not printed.</summary>
    private static string ErlangBinary(ReadOnlySpan<byte> bytes)
    {
        var text = new StringBuilder("<<");
        for (var i = 0; i < bytes.Length && text.Length <= ReplyText.MaxBytes; i++)
        {
            text.Append(i == 0 ? "" : ",").Append(bytes[i].ToString(CultureInfo.InvariantCulture));
        }

        return text.Append(">>").ToString();
    }

    /// <summary>As Erlang's ~p prints a binary: as text when all of it is printable.</summary>
    private static string ErlangTerm(ReadOnlySpan<byte> bytes)
    {
        var printable = bytes.Length > 0 && !bytes.ContainsAnyExceptInRange((byte)' ', (byte)'~');
        if (!printable)
        {
            return ErlangBinary(bytes);
        }

        var text = Encoding.ASCII.GetString(bytes);
        return $"<<\"{text.Replace("\\", "\\\\", StringComparison.Ordinal).Replace("\"", "\\\"", StringComparison.Ordinal)}\">>";
    }
}
