namespace Granary.Core.Links;

/// <summary>A run of message offsets of one queue.</summary>
/// <param name="First">The first offset.</param>
/// <param name="Count">At least 1.</param>
[GenerateSerializer, Immutable, Alias("granary.OffsetRange")]
public readonly record struct OffsetRange([property: Id(0)] long First, [property: Id(1)] int Count)
{
    /// <summary>The first offset after the range.</summary>
    public long End => First + Count;

    /// <summary>All offsets from one to below another.</summary>
    public static IEnumerable<OffsetRange> Between(long first, long end)
    {
        for (; first < end; first += int.MaxValue)
        {
            yield return new OffsetRange(first, (int)Math.Min(end - first, int.MaxValue));
        }
    }
}
