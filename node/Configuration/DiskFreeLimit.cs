using System.Globalization;

namespace Granary.Node.Configuration;

/// <summary>How much room a disk has to have: bytes, or a multiple of the memory that the process may use.</summary>
internal readonly record struct DiskFreeLimit(long Octets, double? Multiple = null)
{
    /// <summary>Behind a multiple.</summary>
    public const string OfMemory = "*memory";

    public static DiskFreeLimit Parse(string text)
    {
        if (!text.EndsWith(OfMemory, StringComparison.Ordinal))
        {
            return new DiskFreeLimit(ByteSize.Parse(text));
        }

        return double.TryParse(text[..^OfMemory.Length], NumberStyles.AllowDecimalPoint, CultureInfo.InvariantCulture, out var multiple)
            ? new DiskFreeLimit((long)(multiple * GC.GetGCMemoryInfo().TotalAvailableMemoryBytes), multiple)
            : throw new FormatException($"'{text}' is not a multiple such as 1.5{OfMemory}");
    }

    public override string ToString() => Multiple is { } multiple ? string.Create(CultureInfo.InvariantCulture, $"{multiple}{OfMemory}") : $"{Octets}";
}
