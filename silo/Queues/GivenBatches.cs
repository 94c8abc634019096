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

    /// <summary>Taken, and some of it may still be in the queue.</summary>
    private readonly Dictionary<SessionId, long> _taken = [];

    /// <summary>Sent again, and taken here before the owner came.</summary>
    private readonly List<Resent> _resent = [];

    /// <summary>There is nothing to tell.</summary>
    public bool IsEmpty => _taken.Count == 0;

    public void Take(SessionId session, PublishItem publish, long first, long end, bool hasOwner)
    {
        if (_taken.Count >= MostSessions)
        {
            _taken.Clear();
        }

        _taken[session] = publish.Number;
        if (publish.Resent && !hasOwner)
        {
            _resent.Add(new Resent(session, publish.Number, first, end));
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
        Resent[] dropped = [.. _resent.Where(batch => given.TryGetValue(batch.Session, out var through) && batch.Number <= through)];
        _resent.Clear();
        var kept = new List<MessageRun>();
        foreach (var lane in ready.Lanes)
        {
            Drop(new Queue<Resent>(dropped), lane, gone, kept);
        }

        kept.ForEach(run => ready.Return(run));
    }

    private static void Drop(Queue<Resent> dropped, ReadyMessages ready, Action<long, long> gone, List<MessageRun> kept)
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

    private readonly record struct Resent(SessionId Session, long Number, long First, long End);
}
