namespace Granary.Silo.Streams;

/// <summary>
/// What a gateway knows a delivery of a stream by: consumers of one connection may have the same message, so that the consumer's number stands above the offset.
/// </summary>
internal static class StreamOffsets
{
    /// <summary>More messages than a stream takes in a year at 500,000 a second.</summary>
    private const int OffsetBits = 44;

    private const long OffsetMask = (1L << OffsetBits) - 1;

    /// <summary>The highest number of a consumer that can be told.</summary>
    public const int MostConsumers = (int)(long.MaxValue >> OffsetBits);

    public static long Tag(int consumer, long offset) => ((long)consumer << OffsetBits) | offset;

    public static int ConsumerOf(long tagged) => (int)(tagged >> OffsetBits);

    public static long OffsetOf(long tagged) => tagged & OffsetMask;
}
