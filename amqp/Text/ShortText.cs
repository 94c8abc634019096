using System.Buffers;
using System.Text;
using System.Text.Unicode;

namespace Granary.Amqp;

/// <summary>
/// Text as bytes and back without loss. Clients put raw bytes where the specification wants UTF-8 (ids as binary, Latin-1 header names);
/// a byte that is not UTF-8 becomes the lone surrogate U+DC00 + byte, and is that byte again when written.
/// </summary>
public static class ShortText
{
    private const char FirstEscape = '\uDC80';
    private const char LastEscape = '\uDCFF';
    private const int EscapeBase = 0xDC00;

    public static string Decode(ReadOnlySpan<byte> bytes) => Utf8.IsValid(bytes) ? Encoding.UTF8.GetString(bytes) : DecodeEscaping(bytes);

    public static int ByteCount(ReadOnlySpan<char> text)
    {
        if (!MayHaveEscapes(text))
        {
            return Encoding.UTF8.GetByteCount(text);
        }

        var count = 0;
        while (!text.IsEmpty)
        {
            count += IsEscape(text, out var rune, out var chars) ? 1 : rune.Utf8SequenceLength;
            text = text[chars..];
        }

        return count;
    }

    /// <summary>Writes the text and returns the number of bytes; the destination has to have <see cref="ByteCount"/> bytes.</summary>
    public static int Encode(ReadOnlySpan<char> text, Span<byte> destination)
    {
        if (!MayHaveEscapes(text))
        {
            return Encoding.UTF8.GetBytes(text, destination);
        }

        var written = 0;
        while (!text.IsEmpty)
        {
            if (IsEscape(text, out var rune, out var chars))
            {
                destination[written++] = (byte)(text[0] - EscapeBase);
            }
            else
            {
                written += rune.EncodeToUtf8(destination[written..]);
            }

            text = text[chars..];
        }

        return written;
    }

    private static bool MayHaveEscapes(ReadOnlySpan<char> text) => text.ContainsAnyInRange(FirstEscape, LastEscape);

    /// <summary>Anything else that is not a whole character is the replacement character, as in every encoding of .NET.</summary>
    private static bool IsEscape(ReadOnlySpan<char> text, out Rune rune, out int chars) =>
        Rune.DecodeFromUtf16(text, out rune, out chars) != OperationStatus.Done && text[0] is >= FirstEscape and <= LastEscape;

    private static string DecodeEscaping(ReadOnlySpan<byte> bytes)
    {
        var text = new StringBuilder(bytes.Length);
        while (!bytes.IsEmpty)
        {
            var whole = Rune.DecodeFromUtf8(bytes, out var rune, out var consumed) == OperationStatus.Done;
            if (whole)
            {
                text.Append(rune.ToString());
            }
            else
            {
                foreach (var octet in bytes[..consumed])
                {
                    text.Append((char)(EscapeBase + octet));
                }
            }

            bytes = bytes[consumed..];
        }

        return text.ToString();
    }
}
