using Granary.Core.Figures;
using Granary.Core.Links;
using Granary.Core.Messages;
using Granary.Core.Transactions;
using Granary.Silo.DeadLetters;
using Granary.Silo.Queues.Consumers;
using Granary.Silo.Queues.Links;
using Granary.Silo.Queues.Messages;
using Granary.Silo.Storage;
using Granary.Silo.Transactions;

namespace Granary.Silo.Queues;

/// <summary>What transactions over several queues do here.</summary>
internal sealed partial class Queue
{
    // What a transaction publishes is in its row of the store until it is in the queue's own.
    private bool _isCommitting;

    private readonly List<Consumer?> _holders = [];

    public PrepareAnswer Prepare(PreparedPart prepared)
    {
        var part = prepared.Part;
        if (IsDoomed)
        {
            return PrepareAnswer.NoQueue;
        }

        if (_limit is { Refuses: true } limit && !limit.HasRoomFor(_ready, part.Batches))
        {
            Figures.Add(QueueCount.Refuse, part.Batches.Sum(static batch => batch.Count));
            return PrepareAnswer.Full;
        }

        if (part.Settlements.Length == 0)
        {
            return PrepareAnswer.Prepared;
        }

        if (_sessions.LinkOf(part.Session) is not { HasEnded: false } link)
        {
            return PrepareAnswer.NotHeld;
        }

        Take(link, prepared);
        if (prepared.Taken.Sum(static taken => (long)taken.Run.Count) == part.Settled)
        {
            NoteUntidy(link);
            return PrepareAnswer.Prepared;
        }

        GiveBack(link, prepared);
        return PrepareAnswer.NotHeld;
    }

    public void Commit(PreparedPart prepared, long now)
    {
        _isCommitting = true;
        foreach (var batch in prepared.Part.Batches)
        {
            Figures.Add(QueueCount.Publish, batch.Count);
            var published = new MessageRun(batch.Records, _nextOffset, batch.Count, prepared.IsAgain, batch.Flags, now);
            if (SeenFor(batch) is { } seen)
            {
                AppendUnseen(published, seen, now);
            }
            else
            {
                Append(published, now);
            }
        }

        _isCommitting = false;
        foreach (var (settlement, run, holder) in prepared.Taken)
        {
            Figures.Settle(settlement, run.Count);
            if (holder is not null)
            {
                _dispatch.Settled(holder, run.Count);
            }

            if (!prepared.IsAgain)
            {
                // An activation that begins with it looks for what is out of groups when it is done.
                _groups?.Settled(run);
            }

            switch (settlement)
            {
                case Settlement.Ack:
                    NoteGone(run.First, run.End);
                    LargeRecord.LetGo(run.Records);
                    break;
                case Settlement.Reject:
                    Bury(run, DeathReason.Rejected);
                    break;
                default:
                    ComeBack(run, settlement, now);
                    break;
            }
        }

        prepared.IsCommitted = true;

        // Stored with the messages: an activation that finds the part prepared knows by it that this was done.
        _journal?.NoteProgress(new PublishProgress(new SessionId(prepared.Id.Value), 1));
    }

    public void Abort(PreparedPart prepared, long now)
    {
        if (_sessions.LinkOf(prepared.Part.Session) is { HasEnded: false } link)
        {
            GiveBack(link, prepared);
            return;
        }

        foreach (var (_, run, _) in prepared.Taken)
        {
            Figures.Settle(Settlement.Failed, run.Count);
            _groups?.Settled(run);
            ComeBack(run, Settlement.Failed, now);
        }
    }

    /// <summary>An earlier activation was ready for it, and it takes effect: nothing is delivered before that has happened.</summary>
    public void Recommit(PreparedPart prepared, long now) => (_recovery ??= new Recovery([], now)).Add(prepared);

    /// <summary>What it settles is out to its session by now, or to nobody; or it is gone, for an activation before did that, or the messages were transient.</summary>
    private void CommitAgain(PreparedPart prepared, QueueLink own, long now)
    {
        Take(own, prepared);
        Figures.Hold(prepared.Taken.Sum(static taken => (long)taken.Run.Count));
        _untidy.Remove(own);
        if (_sessions.LinkOf(prepared.Part.Session) is { HasEnded: false } link)
        {
            Take(link, prepared);
        }

        Commit(prepared, now);
    }

    // Their consumers get nothing in their place before it is decided.
    private void Take(QueueLink link, PreparedPart prepared)
    {
        foreach (var settle in prepared.Part.Settlements)
        {
            foreach (var range in settle.Offsets)
            {
                link.Unacked.Settle(range.First, range.End, _live, gone: null, dispatch: null, _holders);
                for (var i = 0; i < _live.Count; i++)
                {
                    prepared.Taken.Add((settle.Outcome, _live[i], _holders[i]));
                }

                _live.Clear();
                _holders.Clear();
            }
        }
    }

    private void GiveBack(QueueLink link, PreparedPart prepared)
    {
        foreach (var (_, run, before) in prepared.Taken)
        {
            var holder = before;
            if (before is not null && before.Link != link)
            {
                // Its session has gone on over another link since, and it has come again.
                holder = link.Consumers.GetValueOrDefault(before.Number);
                holder?.Hold(run.Count);
            }

            link.Unacked.Add(run, holder);
        }

        NoteUntidy(link);
        prepared.Taken.Clear();
    }
}
