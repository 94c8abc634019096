namespace Granary.Silo.Queues.Messages;

/// <summary>Ready messages that are in the store only: all that is unsettled there between two offsets.</summary>
internal struct PagedMessages
{
    public long First { get; private set; }

    /// <summary>The first offset after them.</summary>
    public long End { get; private set; }

    public long Count { get; private set; }

    /// <summary>Record bytes.</summary>
    public long Bytes { get; private set; }

    public readonly bool IsEmpty => Count == 0;

    public static PagedMessages From(long first, long end, long count, long bytes) =>
        new() { First = first, End = end, Count = count, Bytes = bytes };

    /// <summary>Takes in messages that follow.</summary>
    public void Extend(in MessageRun run)
    {
        if (IsEmpty)
        {
            First = run.First;
        }

        End = run.End;
        Count += run.Count;
        Bytes += run.Length;
    }

    /// <summary>The first of them are in memory again.</summary>
    public void Shrink(in MessageRun run)
    {
        First = run.End;
        Count -= run.Count;
        Bytes -= run.Length;
    }
}
