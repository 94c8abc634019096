using System.Globalization;

namespace Granary.Node.Configuration;

/// <summary>How much memory may be used before publishers are held: a share of what the process may use, or bytes.</summary>
internal readonly record struct MemoryWatermark(double Share, long? Octets = null)
{
    public static MemoryWatermark Parse(string text)
    {
        if (!double.TryParse(text, NumberStyles.AllowDecimalPoint, CultureInfo.InvariantCulture, out var share))
        {
            return new MemoryWatermark(1, ByteSize.Parse(text) is > 0 and var octets ? octets : throw new FormatException("no memory at all would hold publishers for ever"));
        }

        return share is > 0 and <= 1 ? new MemoryWatermark(share) : throw new FormatException($"'{text}' is not a share such as 0.6, nor a size with its unit, such as 2GB");
    }

    public override string ToString() => Octets is { } octets ? $"{octets}B" : Share.ToString(CultureInfo.InvariantCulture);
}
