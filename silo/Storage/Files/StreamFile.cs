namespace Granary.Silo.Storage.Files;

/// <summary>
/// A file with messages of one stream that were in the log before. It is a segment with batches, and their index at the end, that is never written again; which of
/// its messages do not count any more is in a row of the log (<see cref="StreamFileRow"/>), and without that row the file counts for nothing.
/// </summary>
internal sealed class StreamFile(Segment segment, QueueLog queue, StreamFileRow row)
{
    private const uint FirstNumber = 1u << 31;

    public Segment Segment { get; } = segment;

    public QueueLog Queue { get; } = queue;

    public StreamFileRow Row { get; set; } = row;

    public long First => Row.First;

    public long End => Row.End;

    /// <summary>Whether a segment's number is that of such a file: the log does not come so far.</summary>
    public static bool IsOne(uint number) => number >= FirstNumber;

    public static uint NumberAfter(uint highest) => Math.Max(highest, FirstNumber) + 1;
}
