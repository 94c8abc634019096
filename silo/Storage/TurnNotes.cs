using Granary.Core.Links;
using Granary.Silo.Queues.Messages;

namespace Granary.Silo.Storage;

/// <summary>What a turn of a queue has noted for the store so far. For the queue's turns alone.</summary>
internal sealed class TurnNotes
{
    /// <summary>Messages to be durable.</summary>
    public List<MessageRun> Runs { get; } = [];

    /// <summary>Of <see cref="Runs"/>, some are waited for.</summary>
    public bool AreRunsUrgent { get; set; }

    /// <summary>Messages that are gone.</summary>
    public List<OffsetRange> Settled { get; } = [];

    /// <summary>How far sessions have come with <see cref="Runs"/>, and which of them are over.</summary>
    public List<PublishProgress> Progress { get; } = [];

    /// <summary>A session is over, or a key is to be remembered.</summary>
    public bool HasLasting { get; private set; }

    /// <summary>The queue is deleted.</summary>
    public bool IsDeletion { get; set; }

    /// <summary>Nothing in it has to be written: progress alone has not.</summary>
    public bool IsEmpty => Runs.Count == 0 && Settled.Count == 0 && !HasLasting && !IsDeletion;

    /// <summary>The messages from <paramref name="first"/> to below <paramref name="end"/> are gone.</summary>
    public void Settle(long first, long end)
    {
        // Ranges count in ints.
        for (; first < end; first += int.MaxValue)
        {
            var count = (int)Math.Min(end - first, int.MaxValue);
            if (Settled.Count > 0 && Settled[^1].End == first && Settled[^1].Count <= int.MaxValue - count)
            {
                Settled[^1] = Settled[^1] with { Count = Settled[^1].Count + count };
            }
            else
            {
                Settled.Add(new OffsetRange(first, count));
            }
        }
    }

    public void Note(PublishProgress progress)
    {
        HasLasting |= progress.IsLasting;
        if (Progress.Count > 0 && Progress[^1].Session == progress.Session)
        {
            Progress[^1] = progress;
        }
        else if (Progress.Count > 1 && Progress[^2].Session == progress.Session)
        {
            // Two are noted in turn for each batch of a session of which something was refused.
            Progress[^2] = progress;
        }
        else
        {
            Progress.Add(progress);
        }
    }

    public void Clear()
    {
        Runs.Clear();
        Settled.Clear();
        Progress.Clear();
        HasLasting = IsDeletion = AreRunsUrgent = false;
    }
}
