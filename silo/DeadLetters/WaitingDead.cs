using Granary.Core.Links;
using Granary.Silo.Queues.Messages;
using Granary.Silo.Storage;

namespace Granary.Silo.DeadLetters;

/// <summary>
/// The dead messages of one queue that have not been sent on yet: how many bytes of them are in memory, and where those are read from that are not. Messages
/// die faster than letters can be sent when a long backlog expires.
/// </summary>
internal sealed class WaitingDead(QueueJournal journal)
{
    private const long MostInMemory = 4 * 1024 * 1024;
    private const int ReadAtOnce = 256 * 1024;

    private long _bytes;

    public bool HasRoom => Interlocked.Read(ref _bytes) < MostInMemory;

    public void Add(int bytes) => Interlocked.Add(ref _bytes, bytes);

    /// <summary>They are being sent.</summary>
    public void Remove(int bytes) => Interlocked.Add(ref _bytes, -bytes);

    /// <summary>The next messages of runs that are not in memory, in their order; none when the store has no more of them, as their queue is deleted.</summary>
    public async Task<MessageRun[]> ReadAsync(IReadOnlyList<OffsetRange> ranges, CancellationToken cancellation)
    {
        if (ranges.Max(static range => range.End) > journal.StoredEnd)
        {
            await journal.FlushAsync().WaitAsync(cancellation).ConfigureAwait(false);
        }

        return await journal.ReadAsync(ranges, ReadAtOnce, cancellation).ConfigureAwait(false);
    }
}
