namespace Granary.Silo.Queues.Messages;

/// <summary>A part of the messages that are in the store only, and what it takes: all of them from the end of the part before it on.</summary>
/// <param name="End">The first offset after it.</param>
/// <param name="Count">How many messages.</param>
/// <param name="Bytes">Their records.</param>
/// <param name="Bodies">Of these, their bodies.</param>
internal readonly record struct PagedPiece(long End, long Count, long Bytes, long Bodies)
{
    /// <summary>What is cut is read for that, so a piece is no more than can be read in passing; 64 KiB are one piece of 32 bytes.</summary>
    private const int MostBytes = 64 * 1024;

    /// <summary>This one and the next as one, if that is not too large.</summary>
    public bool TryJoin(in PagedPiece next, out PagedPiece joined)
    {
        joined = new PagedPiece(next.End, Count + next.Count, Bytes + next.Bytes, Bodies + next.Bodies);
        return joined.Bytes <= MostBytes;
    }
}
