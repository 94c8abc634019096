using System.Globalization;
using System.Text;
using System.Text.Json;
using System.Text.Json.Serialization.Metadata;
using System.Text.Unicode;

namespace Granary.Gateway.Management.Frame;

/// <summary>
/// JSON that others have sent. That all of its text is text is looked at before any of it is parsed: the parser decodes a value only where it is asked for, and what was kept
/// as it came could neither be told nor stored.
/// </summary>
internal static class JsonBody
{
    /// <summary>What escapes a code unit: a backslash, the letter u, and four digits.</summary>
    private const int EscapeLength = 6;

    /// <returns>Null: the body says null.</returns>
    /// <exception cref="JsonException">Not JSON, or not of that form.</exception>
    public static async Task<T?> ReadAsync<T>(Stream body, JsonTypeInfo<T> type, CancellationToken cancellation)
    {
        using var read = new MemoryStream();
        await body.CopyToAsync(read, cancellation).ConfigureAwait(false);
        Check(read.GetBuffer().AsSpan(0, (int)read.Length));
        read.Position = 0;
        return await JsonSerializer.DeserializeAsync(read, type, cancellation).ConfigureAwait(false);
    }

    /// <exception cref="JsonException">Octets that are not UTF-8, or an escaped half of a surrogate pair without the other one.</exception>
    public static void Check(ReadOnlySpan<byte> json)
    {
        if (!Utf8.IsValid(json))
        {
            throw NoText("the body is not UTF-8", json[..ValidLength(json)]);
        }

        // In JSON there are backslashes in strings alone; anywhere else the parser says what is wrong.
        for (var at = 0; json[at..].IndexOf((byte)'\\') is >= 0 and var next;)
        {
            at += next;
            if (!TryReadUnit(json[at..], out var unit))
            {
                at = Math.Min(at + 2, json.Length);
            }
            else if (!char.IsSurrogate(unit))
            {
                at += EscapeLength;
            }
            else if (char.IsHighSurrogate(unit) && TryReadUnit(json[(at + EscapeLength)..], out var low) && char.IsLowSurrogate(low))
            {
                at += 2 * EscapeLength;
            }
            else
            {
                throw NoText("a text has half of a surrogate pair", json[..at]);
            }
        }
    }

    private static bool TryReadUnit(ReadOnlySpan<byte> json, out char unit)
    {
        unit = default;
        if (json.Length < EscapeLength || !json.StartsWith("\\u"u8) ||
            !ushort.TryParse(json[2..EscapeLength], NumberStyles.AllowHexSpecifier, CultureInfo.InvariantCulture, out var number))
        {
            return false;
        }

        unit = (char)number;
        return true;
    }

    private static int ValidLength(ReadOnlySpan<byte> json)
    {
        var length = 0;
        while (Rune.DecodeFromUtf8(json[length..], out _, out var consumed) == System.Buffers.OperationStatus.Done)
        {
            length += consumed;
        }

        return length;
    }

    private static JsonException NoText(string what, ReadOnlySpan<byte> before) =>
        new(string.Create(CultureInfo.InvariantCulture, $"{what}, line {before.Count((byte)'\n') + 1}"));
}
