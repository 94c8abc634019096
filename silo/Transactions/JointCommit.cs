using Granary.Core.Transactions;
using Granary.Silo.Queues.Activation;
using Granary.Silo.Storage;

namespace Granary.Silo.Transactions;

/// <summary>
/// A transaction over queues of one silo: one flush says what each of them is to do and that it takes effect (decision 0036). All that is there otherwise is there as well:
/// a silo that is lost behind this flush leaves what one leaves that is lost after a decision. That it was decided is forgotten by who has asked, when the answer has come.
/// </summary>
internal sealed class JointCommit(QueueServices services)
{
    /// <param name="queues">With their parts; null: it is not of this silo.</param>
    public async ValueTask<JointAnswer> RunAsync((QueueActivation? Queue, TransactionPart Part)[] queues)
    {
        if (Array.Exists(queues, static queue => queue.Queue is null))
        {
            return new JointAnswer(JointOutcome.Apart, []);
        }

        var id = queues[0].Part.Id;
        var parts = new JointPart[queues.Length];
        for (var i = 0; i < queues.Length; i++)
        {
            parts[i] = await queues[i].Queue!.PrepareTogetherAsync(queues[i].Part).ConfigureAwait(false);
        }

        // This may be a copy of a call that was carried out.
        var takesEffect = Array.Exists(parts, static part => part.HasTakenEffect)
            || (Array.TrueForAll(parts, static part => part.Answer == PrepareAnswer.Prepared) && await TryStoreAsync(id, parts).ConfigureAwait(false));
        var isToldToAll = true;
        foreach (var (queue, _) in queues)
        {
            isToldToAll &= queue!.Decide(id, takesEffect);
        }

        return new JointAnswer(
            !takesEffect ? JointOutcome.Refused : isToldToAll ? JointOutcome.Done : JointOutcome.DoneElsewhere, [.. parts.Select(static part => part.Answer)]);
    }

    /// <summary>Stores it all at once.</summary>
    /// <returns>Whether it takes effect: not if another activation has one of the queues, or somebody has decided otherwise.</returns>
    private async ValueTask<bool> TryStoreAsync(TransactionId id, JointPart[] parts)
    {
        if (services.Stores.Durable is not { } commit || Array.TrueForAll(parts, static part => part.Row is null))
        {
            return await services.Decisions.DecideAsync(id).ConfigureAwait(false);
        }

        Task written;
        lock (commit.Gate)
        {
            foreach (var part in parts)
            {
                if (part.Journal?.TryGuard(new(id.Value)) == false)
                {
                    return false;
                }
            }

            written = commit.WriteAsync(
            [
                .. parts.Where(static part => part.Row is not null).Select(static part => part.Row! with { IsGuarded = true }),
                TransactionDecisions.Decision(id, takesEffect: true, services.Time.GetUtcNow()) with { IsGuarded = true },
            ]);
        }

        try
        {
            await written.ConfigureAwait(false);
            return true;
        }
        catch (RowConflictException)
        {
            return await services.Decisions.ResolveAsync(id).ConfigureAwait(false);
        }
    }
}

/// <summary>What a queue answers that is asked to take part.</summary>
/// <param name="HasTakenEffect">It has, a moment ago.</param>
/// <param name="Journal">Of a durable queue that is prepared.</param>
/// <param name="Row">That says what is to be done there.</param>
internal readonly record struct JointPart(PrepareAnswer Answer, bool HasTakenEffect, QueueJournal? Journal, RowChange? Row);
