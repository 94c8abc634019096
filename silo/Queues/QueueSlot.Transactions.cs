using Granary.Core.Links;
using Granary.Core.Transactions;
using Granary.Silo.Storage;
using Granary.Silo.Transactions;

namespace Granary.Silo.Queues;

/// <summary>Transactions over several queues. They are decided elsewhere.</summary>
internal sealed partial class QueueSlot
{
    private readonly PreparedParts _prepared = new();

    // Of an earlier activation, until the queue has recovered.
    private readonly List<PreparedPart> _again = [];

    /// <summary>What took effect here and is still to be stored; the caller empties it.</summary>
    public List<PreparedPart> Committed { get; } = [];

    /// <summary>Of which the decision is to be looked for.</summary>
    public PreparedPart[] TakeOverdue() => _prepared.TakeOverdue();

    /// <summary>It waits to be told what becomes of a transaction.</summary>
    public bool IsPrepared => _prepared.All.Count > 0;

    public IReadOnlyCollection<PreparedPart> Prepared => _prepared.All;

    /// <summary>It has taken effect here, a moment ago.</summary>
    public bool HasTakenEffect(TransactionId id) => _prepared.HasTakenEffect(id);

    /// <param name="prepared">The part, if the queue is ready for it now, or was before.</param>
    public PrepareAnswer Prepare(TransactionPart part, long now, out PreparedPart? prepared)
    {
        prepared = _prepared.Find(part.Id);
        if (prepared is not null)
        {
            return PrepareAnswer.Prepared;
        }

        if (_queue is not { } queue)
        {
            return PrepareAnswer.NoQueue;
        }

        if (_prepared.WasDecided(part.Id))
        {
            // Nobody waits for this answer.
            return PrepareAnswer.NotHeld;
        }

        if (_prepared.IsBehindAnother(part))
        {
            // Who asks asks again.
            return PrepareAnswer.Elsewhere;
        }

        var next = new PreparedPart(part, now);
        var answer = queue.Prepare(next);
        if (answer == PrepareAnswer.Prepared)
        {
            prepared = next;
            _prepared.Add(next);

            // Has the flush look whether the queue is still this activation's: what another one does not know of was not prepared.
            queue.Storage?.Durable?.NoteProgress(PublishProgress.End(new SessionId(part.Id.Value)));
        }

        EndTurn(caller: null, queue, deleted: false, now);
        return answer;
    }

    /// <summary>The transaction is decided; nothing to do if the queue is not prepared for it.</summary>
    public void Decide(TransactionId id, bool takesEffect, long now)
    {
        if (_prepared.Take(id, takesEffect, now) is not { } prepared || _queue is not { } queue)
        {
            return;
        }

        if (takesEffect)
        {
            queue.Commit(prepared, now);
            Committed.Add(prepared);
        }
        else
        {
            queue.Abort(prepared, now);
        }

        EndTurn(caller: null, queue, queue.IsDoomed, now);
    }

    /// <summary>An earlier activation was ready for these, and they take effect. To be followed by the end of a turn.</summary>
    public void Recommit(IEnumerable<PreparedPart> parts, long now)
    {
        foreach (var part in parts)
        {
            _queue!.Recommit(part, now);
            _again.Add(part);
        }
    }

    private void NoteCommitted()
    {
        if (_again.Count > 0 && _again.TrueForAll(static part => part.IsCommitted))
        {
            Committed.AddRange(_again);
            _again.Clear();
        }
    }

    /// <summary>The activation ends: the next one finds in the store what this one is prepared for.</summary>
    public void LeavePrepared(long now)
    {
        foreach (var prepared in _prepared.All)
        {
            _queue?.Abort(prepared, now);
        }

        _prepared.Clear();
    }
}
