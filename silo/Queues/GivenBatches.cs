using Granary.Core.Links;
using Granary.Silo.Queues.Messages;

namespace Granary.Silo.Queues;

/// <summary>
/// Which batches of an exclusive queue in memory its owner has had. Such a batch is nowhere once its activation is lost, but its publisher may not know yet that it was
/// taken and sends it again: the owner tells the next activation, which then leaves it out.
/// </summary>
internal sealed class GivenBatches
{
    /// <summary>Of so many sessions it is known at the most, where the owner is not told for long.</summary>
    private const int MostSessions = 1024;

    /// <summary>What comes again does so first.</summary>
    private const int MostEarly = 1024;

    /// <summary>Taken, and some of it may still be in the queue.</summary>
    private readonly Dictionary<SessionId, long> _taken = [];

    /// <summary>
    /// Taken here before the owner came. Each may have been sent to an earlier activation, though its publisher need not say so: what a link says first goes in the same
    /// packet to the next activation if the earlier one did not answer.
    /// </summary>
    private readonly List<Early> _early = [];

    /// <summary>There is nothing to tell.</summary>
    public bool IsEmpty => _taken.Count == 0;

    public void Take(SessionId session, PublishItem publish, long first, long end, bool hasOwner)
    {
        if (_taken.Count >= MostSessions)
        {
            _taken.Clear();
        }

        _taken[session] = publish.Number;
        if (!hasOwner && _early.Count < MostEarly)
        {
            _early.Add(new Early(session, publish.Number, first, end));
        }
    }

    /// <summary>To be told when nothing is left in the queue.</summary>
    public BatchProgress[] TakeProgress()
    {
        BatchProgress[] progress = [.. from taken in _taken select new BatchProgress(taken.Key, taken.Value)];
        _taken.Clear();
        return progress;
    }

    /// <summary>The owner is here, and has had these: what was taken of them again goes, as far as it is in memory.</summary>
    /// <param name="gone">Told the first offset of each stretch that goes, and the one after it.</param>
    public void Drop(IReadOnlyDictionary<SessionId, long> given, IReadyMessages ready, Action<long, long> gone)
    {
        Early[] dropped = [.. _early.Where(batch => given.TryGetValue(batch.Session, out var through) && batch.Number <= through)];
        _early.Clear();
        var kept = new List<MessageRun>();
        foreach (var lane in ready.Lanes)
        {
            Drop(new Queue<Early>(dropped), lane, gone, kept);
        }

        kept.ForEach(run => ready.Return(run));
    }

    private static void Drop(Queue<Early> dropped, ReadyMessages ready, Action<long, long> gone, List<MessageRun> kept)
    {
        while (dropped.TryPeek(out var next) && ready.IsLoaded)
        {
            var run = ready.First;
            if (run.First >= next.End)
            {
                dropped.Dequeue();
                continue;
            }

            var isDropped = next.First <= run.First;
            var count = (int)(Math.Min(run.End, isDropped ? next.End : next.First) - run.First);
            var taken = ready.Take(count, count == run.Count ? run.Length : run.LengthOf(count));
            if (isDropped)
            {
                gone(taken.First, taken.End);
            }
            else
            {
                kept.Add(taken);
            }
        }
    }

    private readonly record struct Early(SessionId Session, long Number, long First, long End);
}
