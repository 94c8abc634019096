using Granary.Core.Figures;
using Granary.Core.Messages;
using Granary.Silo.DeadLetters;
using Granary.Silo.Queues.Messages;
using Granary.Silo.Storage;

namespace Granary.Silo.Queues;

internal sealed partial class Queue
{
    private readonly WaitingDead? _waitingDead;

    /// <summary>Those that were refused and are to be dead-lettered.</summary>
    public RefusedDead Refused { get; } = new();

    /// <summary>Where dead messages go; null: nowhere.</summary>
    public DeadLetterRule? DeadLetters => _settings.DeadLetters;

    private void Bury(ReadOnlySpan<MessageRun> runs, DeathReason reason)
    {
        foreach (var run in runs)
        {
            Bury(run, reason);
        }
    }

    private void Bury(in MessageRun run, DeathReason reason)
    {
        if (reason == DeathReason.Expired)
        {
            Figures.Add(QueueCount.Expire, run.Count);
        }
        else if (reason == DeathReason.MaxLength && run.First != DeadRun.NeverEnqueued)
        {
            Figures.Add(QueueCount.Drop, run.Count);
        }
        else if (reason == DeathReason.DeliveryLimit)
        {
            Figures.Add(QueueCount.Exhaust, run.Count);
        }

        if (_settings.DeadLetters is not { Keeps: true })
        {
            // Otherwise when it has arrived: after a restart before that the message is here again.
            DeliveryCounts?.Forget(run.First, run.End);
        }

        if (_settings.DeadLetters is { } rule)
        {
            Figures.Add(QueueCount.DeadLetter, reason == DeathReason.Due ? 0 : run.Count);
            if (run.First == DeadRun.NeverEnqueued)
            {
                // Its publisher lets go of it with the answer. The outbox lets go when it is sent on.
                LargeRecord.Hold(run.Records);
                Refused.Add(run.Length);
                _dead.Add(new DeadRun(run, reason, rule, Refused: Refused));
                return;
            }

            _dead.Add(_waitingDead is { } waiting ? KeepWhatMay(new DeadRun(run, reason, rule, waiting), waiting) : new DeadRun(run, reason, rule));
        }
        else
        {
            _storage?.Journal.Settle(run.First, run.End);
        }
    }

    /// <summary>
    /// Dead messages wait in memory to be sent on up to a limit; of what is beyond it, the store has the records. It has those that are kept until they arrive, too, for they may be
    /// read again and again.
    /// </summary>
    private DeadRun KeepWhatMay(in DeadRun dead, WaitingDead waiting)
    {
        var run = dead.Run;
        if (!run.IsLoaded)
        {
            return dead;
        }

        var hasRoom = waiting.HasRoom;
        var isStored = (dead.IsKept || !hasRoom) && IsOrWillBeStored(run);
        if (hasRoom || !isStored)
        {
            waiting.Add(run.Length);
            return dead with { IsInMemoryOnly = !isStored };
        }

        return dead with { Run = run.LetGo() };
    }

    private bool IsOrWillBeStored(in MessageRun run)
    {
        if (_storage!.IsDurable && run.IsPersistent)
        {
            return true;
        }

        var has = _storage.Journal.Has(run.First, run.End);
        if (has == Holding.None)
        {
            _copies.Add(run);
        }

        return has != Holding.Part;
    }
}
