namespace Granary.Silo.Queues.Messages;

/// <summary>When a few messages that stay are copied out of the array they came in, so that they do not keep all of it alive.</summary>
internal static class SparseMemory
{
    /// <summary>How long messages stay in an array at the least before they are copied out of it, in milliseconds.</summary>
    public const long AgeLimit = 5_000;

    private const int SmallArray = 4096;

    public static bool IsWasted(ReadOnlyMemory<byte> records) => IsWasted(records, records.Length);

    public static bool IsWasted(ReadOnlyMemory<byte> records, int live)
    {
        var pinned = MessageRun.PinnedBy(records);
        return pinned > SmallArray && live < pinned / 2;
    }
}
