using Granary.Silo.Queues.Messages;

namespace Granary.Silo.Queues;

/// <summary>When a queue goes with its last consumer (auto-delete).</summary>
internal sealed partial class Queue
{
    /// <summary>Consumers of an activation that was lost may come again until then, so that nobody knows before which one is the last. 0: all are known.</summary>
    private long _lastIsKnownAt;

    /// <summary>It has a consumer, or had one, at an earlier activation or this one.</summary>
    public bool HasBeenConsumed { get; private set; }

    /// <summary>When it goes unless somebody has come again.</summary>
    private long GoesAt => _lastIsKnownAt > 0 && Definition.AutoDelete ? _lastIsKnownAt : MessageRun.Never;

    /// <summary>It has come back.</summary>
    /// <param name="hadConsumer">Somebody had one.</param>
    /// <param name="until">When those who may have had one, and have not come again, are given up, at the earliest: those that are known are waited for as for what they hold.</param>
    public void ComeBack(bool hadConsumer, long until) => (HasBeenConsumed, _lastIsKnownAt) = (hadConsumer, until);

    /// <summary>All who had a consumer at an earlier activation have come again, or are <see cref="Awaited"/>, or were given up.</summary>
    public bool AreConsumersKnown(long now) => _lastIsKnownAt <= now;

    /// <summary>Nobody has come again: its last consumer was lost together with its silo.</summary>
    private bool HasLostLast(long now) => GoesAt <= now && _recovery is null && HasBeenConsumed && ConsumerCount == 0;

    /// <summary>From the time on when all are known it goes at once with the last.</summary>
    private void NoteLast(long now)
    {
        if (GoesAt <= now && _recovery is null && !HasLostLast(now))
        {
            _lastIsKnownAt = 0;
        }
    }
}
