using Granary.Core.Links;
using Granary.Silo.DeadLetters;
using Granary.Silo.Queues.Messages;

namespace Granary.Silo.Queues;

/// <summary>Messages of a quorum queue that wait before they are delivered again (x-delayed-retry-type).</summary>
internal sealed partial class Queue
{
    /// <summary>Null where none ever wait.</summary>
    private readonly WaitingRetries? _retries;

    /// <summary>Messages that came back and cannot be taken yet.</summary>
    public long WaitingCount => _retries?.Count ?? 0;

    /// <summary>Has those wait again that waited when an earlier activation ended. Before the first turn, when <see cref="DeliveryCounts"/> are what they were.</summary>
    public void WaitAgain(long now)
    {
        if (DeliveryCounts?.ListWaiting(now) is { Count: > 0 } waiting)
        {
            (_recovery ??= new Recovery([], now)).SetAside(waiting);
        }
    }

    private void ComeBack(in MessageRun run, Settlement how, long now)
    {
        if (how != Settlement.Undelivered && DeliveryCounts is { } counts)
        {
            ReturnCounted(run, counts, how == Settlement.Failed, now);
        }
        else
        {
            Return(run, wasSeen: how != Settlement.Undelivered, now);
        }
    }

    /// <summary>Messages came back to be delivered again: those that did too often die, and others may have to wait.</summary>
    private void ReturnCounted(in MessageRun run, DeliveryCounts counts, bool hasFailed, long now)
    {
        for (var start = 0; start < run.Count;)
        {
            var count = counts.Increment(run.First + start);
            var end = start + 1;
            while (end < run.Count && counts[run.First + end] == count - 1)
            {
                counts.Increment(run.First + end++);
            }

            var part = run.Part(start, end);
            if (count > _settings.DeliveryLimit)
            {
                Bury(part, DeathReason.DeliveryLimit);
            }
            else if (_settings.DelayedRetry?.DelayOf(count, hasFailed) is { } delay)
            {
                Wait(part, now + delay, counts, now);
            }
            else
            {
                Return(part, wasSeen: true, now);
            }

            start = end;
        }
    }

    private void Wait(in MessageRun run, long due, DeliveryCounts counts, long now)
    {
        // Whose time is up before then leaves at that time.
        due = Math.Min(due, run.Due);
        counts.Wait(run.First, run.End, due);
        var own = WaitingRetries.Own(run) with { Redelivered = true, Since = now };
        _retries!.Add(LetGoBeyondBudget(own), due);
    }

    private MessageRun LetGoBeyondBudget(in MessageRun run)
    {
        var isKept = _storage is not { } storage || !run.IsLoaded || _retries!.MemoryBytes + run.Length <= storage.Budget.Limit || run.End > storage.Journal.StoredEnd;
        return isKept || !IsOrWillBeStored(run) ? run : run.LetGoUnread();
    }

    /// <summary>Those that have waited for long enough go back to their places, but for those whose time to live is up.</summary>
    private void EndWaits(long now)
    {
        while (_retries!.TryTake(now, out var run))
        {
            DeliveryCounts!.Wait(run.First, run.End, due: 0);
            if (run.Due <= now)
            {
                Bury(run, DeathReason.Expired);
            }
            else
            {
                Return(run, wasSeen: true, now);
            }
        }
    }
}
