using Granary.Core.Links;
using Granary.Core.Messages;
using Granary.Silo.Queues.Links;
using Granary.Silo.Queues.Messages;

namespace Granary.Silo.Queues;

/// <summary>What a quorum queue knows of messages that came back: how often.</summary>
internal sealed partial class Queue
{
    /// <summary>Null where returns are not counted.</summary>
    public DeliveryCounts? DeliveryCounts { get; }

    /// <summary>Messages are done with; says how many there were.</summary>
    private long SettleForGood(QueueLink link, long from, long to)
    {
        if (DeliveryCounts is not { IsEmpty: false } && _groups is null)
        {
            return link.Unacked.Settle(from, to, live: null, _storage?.Journal, _dispatch);
        }

        var settled = link.Unacked.Settle(from, to, _live, _storage?.Journal, _dispatch);
        foreach (var run in _live)
        {
            DeliveryCounts?.Forget(run.First, run.End);
            _groups?.Settled(run);

            // A large record is a run of its own.
            LargeRecord.LetGo(run.Records);
        }

        _live.Clear();
        return settled;
    }

    /// <summary>What is sent of one message.</summary>
    private DeliverySlice SliceOf(in MessageRun message, bool isSettled)
    {
        if (DeliveryCounts is not { IsEmpty: false } counts)
        {
            return message.ToSlice();
        }

        var slice = counts.SliceOf(message);
        if (isSettled)
        {
            counts.Forget(message.First, message.End);
        }

        return slice;
    }

    private void NoteGone(long first, long end)
    {
        _storage?.Journal.Settle(first, end);
        DeliveryCounts?.Forget(first, end);
    }
}
