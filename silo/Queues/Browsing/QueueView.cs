using Granary.Core.Messages;
using Granary.Core.Topology;
using Granary.Silo.Queues.Messages;
using Granary.Silo.Storage;

namespace Granary.Silo.Queues.Browsing;

/// <summary>Reads what somebody wants to look at. It works beside the turns of the queue, so that what it shows may be gone by then.</summary>
/// <param name="most">So many messages.</param>
/// <param name="bytes">About so many bytes of records; there is one message in any case.</param>
internal sealed class QueueView(QueueJournal? journal, int most, int bytes)
{
    private readonly List<BrowsedMessage> _messages = [];
    private long _left = bytes;
    private BrowsePlace _last;

    private bool IsFull => _messages.Count >= most || _left <= 0;

    public async Task<BrowseAnswer> ReadAsync(BrowsedRuns listed, CancellationToken cancellation)
    {
        foreach (var part in listed.Runs)
        {
            if (part.Run.IsLoaded)
            {
                Add(part.Run, part.Rank);
            }
            else
            {
                await ReadAsync(part, listed.RedeliveredBelow, cancellation).ConfigureAwait(false);
            }

            if (IsFull && _last.Offset < part.End - 1)
            {
                return Answer(isAll: false);
            }

            _last = new BrowsePlace(part.Rank, part.End - 1);
            if (IsFull)
            {
                return Answer(listed.IsAll && part == listed.Runs[^1]);
            }
        }

        return Answer(listed.IsAll);
    }

    private BrowseAnswer Answer(bool isAll) => new(null, [.. _messages], isAll ? null : _last.ToString());

    private async Task ReadAsync(BrowsedRun part, long redeliveredBelow, CancellationToken cancellation)
    {
        for (var at = part.Run.First; at < part.End && !IsFull;)
        {
            var read = await journal!.ReadAsync(at, part.End, (int)_left, cancellation).ConfigureAwait(false);
            foreach (var run in read)
            {
                Add(run with { Redelivered = part.Run.Redelivered || run.First < redeliveredBelow }, part.Rank);
            }

            at = read.Length == 0 ? part.End : read[^1].End;
        }
    }

    private void Add(in MessageRun run, int rank)
    {
        var records = run.Records;
        for (var offset = run.First; offset < run.End && !IsFull; offset++)
        {
            var length = MessageRecord.LengthOf(records.Span);
            _last = new BrowsePlace(rank, offset);
            _messages.Add(new BrowsedMessage(_last.ToString(), run.Redelivered, records[..length].ToArray()));
            _left -= length;
            records = records[length..];
        }
    }
}
