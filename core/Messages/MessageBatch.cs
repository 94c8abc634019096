namespace Granary.Core.Messages;

/// <summary>
/// A contiguous run of <see cref="MessageRecord"/>s in one array that nobody writes to any more. It passes by reference inside a process;
/// the bytes are the same on the way to a queue, in the store and on the way to a gateway.
/// </summary>
/// <param name="Records">The records, back to back, <paramref name="Count"/> of them.</param>
/// <param name="Count">At least 1.</param>
/// <param name="Flags">Every flag that any of the records has, and possibly more: what is not here need not be looked for.</param>
[GenerateSerializer, Immutable, Alias("granary.MessageBatch")]
public readonly record struct MessageBatch(
    [property: Id(0)] ReadOnlyMemory<byte> Records, [property: Id(1)] int Count, [property: Id(2)] MessageFlags Flags)
{
    /// <summary>The queues that take it are to take no message twice, if they have no word of their own on that; null: nobody asked for that.</summary>
    [Id(3)]
    public DeduplicationWindow? Window { get; init; }

    /// <summary>The arrays that batches are slices of: below the large-object limit, so that the collector treats them as ordinary garbage.</summary>
    public const int ChunkSize = 64 * 1024;

    /// <summary>
    /// The first <paramref name="count"/> messages and the rest; walks record lengths, so its cost is one read per message.
    /// </summary>
    public (MessageBatch Head, MessageBatch Tail) Split(int count)
    {
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(count);
        ArgumentOutOfRangeException.ThrowIfGreaterThanOrEqual(count, Count);
        var at = ByteLengthOf(count);
        return (this with { Records = Records[..at], Count = count }, this with { Records = Records[at..], Count = Count - count });
    }

    /// <summary>How many bytes the first <paramref name="count"/> records take.</summary>
    public int ByteLengthOf(int count)
    {
        if (count == Count)
        {
            return Records.Length;
        }

        var span = Records.Span;
        var at = 0;
        for (var i = 0; i < count; i++)
        {
            at += MessageRecord.LengthOf(span[at..]);
        }

        return at;
    }
}
