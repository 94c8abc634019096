using System.Buffers.Binary;
using System.Globalization;
using System.Text;
using System.Text.RegularExpressions;

namespace Granary.Cli.Secrets;

/// <summary>A value as it stands in RabbitMQ's advanced.config, in Erlang's external format: binaries, strings, atoms and whole numbers.</summary>
internal static partial class ErlangTerm
{
    // Of erlang.org's "External Term Format".
    private const byte Version = 131, SmallInteger = 97, Integer = 98, OldAtom = 100, Nil = 106, Chars = 107, Binary = 109, SmallOldAtom = 115, Atom = 118, SmallAtom = 119;

    /// <summary>Null: it is no such value.</summary>
    public static byte[]? Encode(string text)
    {
        var trimmed = text.Trim();
        if (Quoted().Match(trimmed) is { Success: true } quoted)
        {
            var octets = Encoding.UTF8.GetBytes(Escape().Replace(quoted.Groups["text"].Value, "$1"));
            return quoted.Groups["binary"].Success ? [Version, Binary, .. Length(octets.Length, 4), .. octets]
                : octets.Length == 0 ? [Version, Nil]
                : octets.Length <= ushort.MaxValue ? [Version, Chars, .. Length(octets.Length, 2), .. octets]
                : null;
        }

        if (int.TryParse(trimmed, NumberStyles.AllowLeadingSign, CultureInfo.InvariantCulture, out var number))
        {
            return number is >= 0 and <= byte.MaxValue ? [Version, SmallInteger, (byte)number] : [Version, Integer, .. Length(number, 4)];
        }

        return PlainAtom().IsMatch(trimmed) && trimmed.Length <= byte.MaxValue ? [Version, SmallAtom, (byte)trimmed.Length, .. Encoding.UTF8.GetBytes(trimmed)] : null;
    }

    /// <summary>As Erlang shows it, and as it is in JSON; null: it is no such value.</summary>
    public static (string Shown, string Plain)? Decode(ReadOnlySpan<byte> octets)
    {
        if (octets.Length < 2 || octets[0] != Version)
        {
            return null;
        }

        var rest = octets[2..];
        return octets[1] switch
        {
            Nil when rest.Length == 0 => ("[]", ""),
            Binary when Text(rest, 4) is { } text => ($"<<\"{Escaped(text)}\">>", text),
            Chars when Text(rest, 2) is { } text => ($"\"{Escaped(text)}\"", text),
            OldAtom or Atom when Text(rest, 2) is { } text => (text, text),
            SmallOldAtom or SmallAtom when Text(rest, 1) is { } text => (text, text),
            SmallInteger when rest.Length == 1 => (Number(rest[0]), Number(rest[0])),
            Integer when rest.Length == 4 => (Number(BinaryPrimitives.ReadInt32BigEndian(rest)), Number(BinaryPrimitives.ReadInt32BigEndian(rest))),
            _ => null,
        };
    }

    private static string Number(int number) => number.ToString(CultureInfo.InvariantCulture);

    private static string Escaped(string text) => text.Replace("\\", "\\\\", StringComparison.Ordinal).Replace("\"", "\\\"", StringComparison.Ordinal);

    private static byte[] Length(int number, int octets)
    {
        var all = new byte[4];
        BinaryPrimitives.WriteInt32BigEndian(all, number);
        return all[(4 - octets)..];
    }

    private static string? Text(ReadOnlySpan<byte> octets, int prefix)
    {
        if (octets.Length < prefix)
        {
            return null;
        }

        var length = 0L;
        foreach (var octet in octets[..prefix])
        {
            length = (length << 8) | octet;
        }

        return octets.Length - prefix == length ? Encoding.UTF8.GetString(octets[prefix..]) : null;
    }

    [GeneratedRegex("""^(?:(?<binary><<)"(?<text>(?:[^"\\]|\\.)*)">>|"(?<text>(?:[^"\\]|\\.)*)")$""", RegexOptions.ExplicitCapture)]
    private static partial Regex Quoted();

    [GeneratedRegex(@"\\(.)")]
    private static partial Regex Escape();

    [GeneratedRegex("^[a-z][A-Za-z0-9_@]*$")]
    private static partial Regex PlainAtom();
}
