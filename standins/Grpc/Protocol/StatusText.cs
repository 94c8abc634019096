using System.Text;

namespace Grpc.Protocol;

/// <summary>The grpc-message trailer: UTF-8, with everything percent-encoded that is not printable ASCII.</summary>
internal static class StatusText
{
    public static string Encode(string text)
    {
        if (text.AsSpan().IndexOfAnyExceptInRange(' ', '~') < 0 && !text.Contains('%', StringComparison.Ordinal))
        {
            return text;
        }

        var encoded = new StringBuilder(text.Length + 16);
        foreach (var octet in Encoding.UTF8.GetBytes(text))
        {
            if (octet is >= 0x20 and <= 0x7e and not (byte)'%')
            {
                encoded.Append((char)octet);
            }
            else
            {
                encoded.Append('%').Append(octet.ToString("X2"));
            }
        }

        return encoded.ToString();
    }

    /// <summary>Malformed escapes are taken as they are: a status text must never hide the status.</summary>
    public static string Decode(string encoded) => Uri.UnescapeDataString(encoded);
}
