using Granary.Silo.Queues.Messages;
using Granary.Silo.Storage;

namespace Granary.Silo.Streams;

/// <summary>What is to be read back from the store for one consumer, beside the turns.</summary>
/// <param name="From">The first offset.</param>
/// <param name="End">The offset after the last.</param>
/// <param name="Bytes">About how many at once.</param>
/// <param name="Since">The messages are not wanted, but the offset from which on all came at this time or later, in Unix milliseconds.</param>
internal sealed record StreamRead(StreamCursor Cursor, long From, long End, int Bytes, long? Since = null)
{
    /// <summary>Others that are at the same place, and get what is read as well.</summary>
    public List<StreamCursor> Followers { get; } = [];

    public async Task<StreamReading> RunAsync(QueueJournal journal, CancellationToken cancellation)
    {
        if (Since is not { } time)
        {
            return new StreamReading(await journal.ReadAsync(From, End, Bytes, cancellation).ConfigureAwait(false), 0);
        }

        var (low, high) = (From, End);
        while (low < high)
        {
            var middle = low + ((high - low) / 2);
            var block = await journal.ReadAsync(middle, high, bytes: 1, cancellation).ConfigureAwait(false);
            (low, high) = block.Length > 0 && block[0].Due < time ? (block[0].End, high) : (low, middle);
        }

        return new StreamReading([], low);
    }
}

/// <param name="Runs">Messages that were asked for.</param>
/// <param name="Found">The offset that was looked for.</param>
internal readonly record struct StreamReading(MessageRun[] Runs, long Found);
