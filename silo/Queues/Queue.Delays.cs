using Granary.Silo.Queues.Messages;

namespace Granary.Silo.Queues;

/// <summary>What an exchange delays.</summary>
internal sealed partial class Queue
{
    /// <summary>The same as what is ready, where an exchange has the queue for messages that are not due; null otherwise.</summary>
    private readonly DelayedMessages? _delayed;

    /// <summary>The next messages to be due.</summary>
    public List<MessageRun> ListDelayed(DelayedId after, int most) => _delayed?.List(after, most) ?? [];

    /// <summary>Drops one of them; false: it is not there. To be followed by <see cref="EndTurn"/>.</summary>
    public bool CancelDelayed(DelayedId id)
    {
        if (_delayed?.TryRemove(id) != true)
        {
            return false;
        }

        _storage?.Journal.Settle(id.Offset, id.Offset + 1);
        return true;
    }
}
