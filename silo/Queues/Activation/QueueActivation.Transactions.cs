using Granary.Core.Grains;
using Granary.Core.Transactions;
using Granary.Silo.Storage;
using Granary.Silo.Transactions;
using Microsoft.Extensions.Logging;

namespace Granary.Silo.Queues.Activation;

/// <summary>Transactions over several queues: what the store has of them, before they are decided and after (decision 0036).</summary>
internal sealed partial class QueueActivation
{
    /// <summary>What took effect here, until it is stored.</summary>
    private readonly Dictionary<TransactionId, Task> _finishing = [];

    public async ValueTask<PrepareAnswer> PrepareAsync(TransactionPart part)
    {
        await _recovered.Task.ConfigureAwait(false);
        var state = (this, part);
        if (!_turns.TryRun(
            ref state,
            static (ref (QueueActivation Activation, TransactionPart Part) call) =>
            {
                call.Activation.NoteCall();
                if (call.Part.Batches.Length > 0)
                {
                    call.Activation.DeclareHidden();
                }

                return call.Activation.Prepare(call.Part);
            },
            out var begun))
        {
            LookForAnother();
            return PrepareAnswer.Elsewhere;
        }

        await begun.Stored.ConfigureAwait(false);
        return begun.Journal is { IsFenced: true } ? PrepareAnswer.Elsewhere : begun.Answer;
    }

    /// <summary>
    /// Has queues of this silo do what belongs together, of which this is one. A copy of a call that is being carried out has the same answer, and does nothing by itself:
    /// what it stores might come behind what the first one has cleared away.
    /// </summary>
    public async ValueTask<JointAnswer> CommitTogetherAsync(IReadOnlyList<QueuePart> parts)
    {
        var id = parts[0].Part.Id;
        var own = new Lazy<Task<JointAnswer>>(() => new JointCommit(_services).RunAsync(
            [.. parts.Select(part => (part.Queue == _name ? this : _services.Local.FindActivation(GrainKeys.For(_vhost, part.Queue)), part.Part))]).AsTask());
        var first = _services.Joint.GetOrAdd(id, own);
        try
        {
            return await first.Value.ConfigureAwait(false);
        }
        finally
        {
            if (first == own)
            {
                // Whoever asks from now on finds that it was decided.
                _services.Joint.TryRemove(id, out _);
            }
        }
    }

    /// <summary>As <see cref="PrepareAsync"/>, but that who asks sees to it that the part is stored.</summary>
    public async ValueTask<JointPart> PrepareTogetherAsync(TransactionPart part)
    {
        await _recovered.Task.ConfigureAwait(false);
        var state = (this, part);
        return _turns.TryRun(
            ref state,
            static (ref (QueueActivation Activation, TransactionPart Part) call) =>
            {
                call.Activation.NoteCall();
                return call.Activation.PrepareTogether(call.Part);
            },
            out var prepared)
            ? prepared
            : new JointPart(PrepareAnswer.Elsewhere, HasTakenEffect: false, null, null);
    }

    private JointPart PrepareTogether(TransactionPart part)
    {
        lock (Gate)
        {
            var hasTakenEffect = _slot.HasTakenEffect(part.Id);
            var answer = _slot.Prepare(part, Now, out var prepared);
            if (prepared is null || _slot.Declared is not { Storage.Durable: { } journal } queue)
            {
                return new JointPart(answer, hasTakenEffect, null, null);
            }

            prepared.HasRow = true;
            return new JointPart(answer, hasTakenEffect, journal, PreparedRows.Added(_key, queue.Incarnation, part));
        }
    }

    /// <returns>False: the activation has ended, and the next one finds out by itself.</returns>
    public bool Decide(TransactionId transaction, bool takesEffect) => _turns.TryRun((this, transaction, takesEffect), static decided =>
    {
        var (activation, id, takesEffect) = decided;
        activation.NoteCall();
        activation.DecideNow(id, takesEffect);
    });

    /// <summary>Completes when what the transaction did here is stored, and the store has nothing else of it.</summary>
    public async ValueTask FinishAsync(TransactionId transaction)
    {
        await _recovered.Task.ConfigureAwait(false);

        var finished = FindFinishing(transaction);
        if (finished is null)
        {
            // Only what takes effect is finished. A queue that could not be told before is told hereby: who finds nothing written of it any more would think that nothing came of it.
            Decide(transaction, takesEffect: true);
            finished = FindFinishing(transaction) ?? Task.CompletedTask;
        }

        await finished.ConfigureAwait(false);
    }

    private Task? FindFinishing(TransactionId transaction)
    {
        var state = (this, transaction);
        if (_turns.TryRun(
            ref state,
            static (ref (QueueActivation Activation, TransactionId Id) call) => call.Activation._finishing.GetValueOrDefault(call.Id),
            out var finished))
        {
            return finished;
        }

        LookForAnother();
        throw new InvalidOperationException("The activation has ended; the next one is to be asked.");
    }

    private (PrepareAnswer Answer, Task Stored, QueueJournal? Journal) Prepare(TransactionPart part)
    {
        lock (Gate)
        {
            // The row and what looks whether the queue is still this activation's are in one flush.
            var answer = _slot.Prepare(part, Now, out var prepared);
            var queue = _slot.Declared;
            if (prepared is null || queue?.Storage?.Durable is not { } journal)
            {
                return (answer, Task.CompletedTask, null);
            }

            if (!prepared.HasRow)
            {
                prepared.HasRow = true;
                prepared.Stored = _services.Stores.Durable!.WriteAsync(PreparedRows.Added(_key, queue.Incarnation, part));
            }

            return (answer, prepared.Stored, journal);
        }
    }

    private void DecideNow(TransactionId id, bool takesEffect)
    {
        if (_slot.Prepared.FirstOrDefault(part => part.Id == id) is not { } prepared)
        {
            _slot.Decide(id, takesEffect, Now);
            return;
        }

        lock (Gate)
        {
            _slot.Decide(id, takesEffect, Now);
            if (prepared.HasRow && !takesEffect)
            {
                _ = RemoveRowAsync(id);
            }
            else if (prepared.HasRow && _slot.Declared is { Storage.Durable.IsFenced: false })
            {
                // In one flush with what was done. Until then the row says that it is done, so nobody waits for that flush.
                prepared.Removed = _services.Stores.Durable!.WriteAsync(PreparedRows.Removed(_key, id) with { IsGuarded = true }, isUrgent: false);
            }
        }
    }

    /// <summary>At the end of a turn: sees to what took effect in it, and to what nobody decides.</summary>
    private void FollowTransactions()
    {
        foreach (var part in _slot.Committed)
        {
            if (part.HasRow && _slot.Declared is { Storage.Durable: { } journal })
            {
                _finishing[part.Id] = FinishAsync(part.Id, journal, journal.Turn, part.Removed);
            }
        }

        _slot.Committed.Clear();
        foreach (var part in _slot.TakeOverdue())
        {
            LogLookedFor(_services.Log, part.Id.Value, _name, _vhost);
            _ = ResolveAsync(part.Id);
        }
    }

    /// <summary>What was done is stored: only then may the row go that says what is to be done, for an activation that follows would do it again.</summary>
    private async Task FinishAsync(TransactionId id, QueueJournal journal, long turn, Task? removed)
    {
        // A turn of its own, though all may be stored by now.
        await Task.CompletedTask.ConfigureAwait(ConfigureAwaitOptions.ForceYielding);
        if (removed is null || !await IsDoneAsync(id, removed).ConfigureAwait(false))
        {
            await journal.WhenStoredAsync(turn).ConfigureAwait(false);
            if (journal.IsFenced)
            {
                throw new InvalidOperationException("Another activation has the queue, and does what is to be done.");
            }

            await RemoveRowAsync(id).ConfigureAwait(false);
        }

        _turns.TryRun((this, id, journal), static done =>
        {
            var (activation, id, journal) = done;
            activation._finishing.Remove(id);
            journal.NoteProgress(PublishProgress.End(new(id.Value)));
            activation._slot.Advance(activation.Now);
        });
    }

    /// <summary>Whether a change of a row was made. It was not if a queue of the same flush, which need not be this one, was fenced.</summary>
    private async Task<bool> IsDoneAsync(TransactionId id, Task change)
    {
        try
        {
            await change.ConfigureAwait(false);
            return true;
        }
        catch (RowConflictException exception)
        {
            LogRowNotRemoved(_services.Log, exception, id.Value, _name, _vhost);
            return false;
        }
    }

    private async Task RemoveRowAsync(TransactionId id)
    {
        try
        {
            await _services.Stores.Durable!.WriteAsync(PreparedRows.Removed(_key, id)).ConfigureAwait(false);
        }
        catch (Exception exception)
        {
            // The node stops: the next activation finds the row, and that it is done with.
            LogRowNotRemoved(_services.Log, exception, id.Value, _name, _vhost);
            throw;
        }
    }

    /// <summary>Nobody has said what becomes of it: who had it is gone, or too slow.</summary>
    private async Task ResolveAsync(TransactionId id)
    {
        bool takesEffect;
        try
        {
            takesEffect = await _services.Decisions.ResolveAsync(id).ConfigureAwait(false);
        }
        catch (Exception exception)
        {
            // The node stops; the next activation looks for it.
            LogNotResolved(_services.Log, exception, id.Value, _name, _vhost);
            return;
        }

        _turns.TryRun((this, id, takesEffect), static resolved =>
        {
            var (activation, id, takesEffect) = resolved;
            activation.DecideNow(id, takesEffect);
        });
    }

    /// <summary>What an earlier activation was prepared for. Each is decided by now, or is decided hereby; those that take effect are to be done, unless they were.</summary>
    private async Task<List<PreparedPart>> ReadPreparedAsync(QueueStorage storage, Guid incarnation, CancellationToken cancellation)
    {
        List<PreparedPart> committed = [];
        foreach (var row in await _services.Stores.Durable!.Store.ReadRowsAsync(PreparedRows.TableOf(_key), cancellation).ConfigureAwait(false))
        {
            var (of, part) = PreparedRows.Parse(row);
            var isDone = storage.Backlog.Sessions.Any(session => session.Session.Value == part.Id.Value);
            if (of == incarnation && !isDone && await _services.Decisions.ResolveAsync(part.Id).ConfigureAwait(false))
            {
                committed.Add(new PreparedPart(part, Now) { HasRow = true, IsAgain = true });
            }
            else
            {
                await RemoveRowAsync(part.Id).ConfigureAwait(false);
            }
        }

        if (committed.Count > 0)
        {
            LogRecommitted(_services.Log, committed.Count, _name, _vhost);
        }

        return committed;
    }

    /// <summary>The queue is deleted: what it was prepared for ends with it.</summary>
    private void ForgetPrepared()
    {
        foreach (var part in _slot.Prepared.Where(part => part.HasRow))
        {
            _ = RemoveRowAsync(part.Id);
        }
    }

    [LoggerMessage(3021, LogLevel.Information, "Nobody has decided transaction {Transaction} of queue {Queue} in vhost {Vhost}; unless it takes effect elsewhere, nothing comes of it")]
    private static partial void LogLookedFor(ILogger logger, Guid transaction, string queue, string vhost);

    [LoggerMessage(3018, LogLevel.Debug, "What became of transaction {Transaction} of queue {Queue} in vhost {Vhost} could not be found out; the next activation does")]
    private static partial void LogNotResolved(ILogger logger, Exception exception, Guid transaction, string queue, string vhost);

    [LoggerMessage(3019, LogLevel.Debug, "That transaction {Transaction} of queue {Queue} in vhost {Vhost} is done with could not be stored; the next activation finds out")]
    private static partial void LogRowNotRemoved(ILogger logger, Exception exception, Guid transaction, string queue, string vhost);

    [LoggerMessage(3020, LogLevel.Information, "{Count} transactions that an earlier activation of queue {Queue} in vhost {Vhost} was prepared for take effect now")]
    private static partial void LogRecommitted(ILogger logger, int count, string queue, string vhost);
}
