namespace Granary.Silo.Storage.Postgres;

/// <summary>Pieces of batches on their way to the database, column by column.</summary>
internal sealed class BatchColumns
{
    public static readonly BatchColumns None = new();

    public List<long> Queues { get; } = [];

    public List<long> Owners { get; } = [];

    public List<long> Firsts { get; } = [];

    public List<short> Pieces { get; } = [];

    public List<int> Counts { get; } = [];

    public List<int> Sizes { get; } = [];

    public List<int> Bodies { get; } = [];

    public List<short> Flags { get; } = [];

    public List<long> Dues { get; } = [];

    public List<long> Shared { get; } = [];

    public List<ReadOnlyMemory<byte>> Bytes { get; } = [];

    /// <summary>Of all pieces together.</summary>
    public long Length { get; private set; }

    /// <param name="queue">The queue without which it is not written; 0, always.</param>
    /// <param name="head">What all pieces of the batch have in common.</param>
    public void Add(long queue, in BatchHead head, int piece, ReadOnlyMemory<byte> bytes)
    {
        Queues.Add(queue);
        Owners.Add(head.Owner);
        Firsts.Add(head.First);
        Pieces.Add((short)piece);
        Counts.Add(head.Count);
        Sizes.Add(head.Size);
        Bodies.Add(head.Bodies);
        Flags.Add(head.Flags);
        Dues.Add(head.Due);
        Shared.Add(head.Shared);
        Bytes.Add(bytes);
        Length += bytes.Length;
    }
}

/// <param name="Owner">The queue, or the id of bytes that several share.</param>
/// <param name="Bodies">How many of its bytes are bodies; 0 where no message is persistent, so that nobody will ask.</param>
/// <param name="Shared">The owner of its bytes, or 0 when they are its own.</param>
internal readonly record struct BatchHead(long Owner, long First, int Count, int Size, int Bodies, short Flags, long Due, long Shared);
