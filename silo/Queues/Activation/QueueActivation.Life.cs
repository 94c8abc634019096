using Granary.Core;
using Granary.Core.Topology;
using Granary.Silo.Exchanges;
using Granary.Silo.Hosting.Cluster;
using Granary.Silo.Queues.Definition;
using Granary.Silo.Storage;
using Granary.Silo.Storage.Definitions;
using Granary.Silo.Streams;

namespace Granary.Silo.Queues.Activation;

/// <summary>How an activation begins and how it ends.</summary>
internal sealed partial class QueueActivation
{
    /// <summary>For so long at the most an activation that ends waits for the targets of its dead letters.</summary>
    private static readonly TimeSpan LastLetters = TimeSpan.FromSeconds(1);

    /// <summary>In a cluster: the owner of what is not durable and belongs to no connection.</summary>
    private string? _run;

    /// <summary>Another process took the queue a moment ago: this activation does nothing but say so.</summary>
    public bool BeginsAsOutsider() => _services.Stores.IsLeftAlone(_key) && _turns.TryEnd(static () => { }) && _recovered.TrySetResult();

    /// <summary>Before the first turn: puts the queue in place that an earlier activation had, which is fenced from then on.</summary>
    public async Task RestoreAsync(CancellationToken cancellation)
    {
        await _state.ReadAsync(cancellation).ConfigureAwait(false);
        await (_services.Policies?.WhenKnownAsync(cancellation) ?? Task.CompletedTask).ConfigureAwait(false);
        _debts.AddRange(_state.Value.Debts);
        _run = _services.Owners is { } owners ? await owners.RunAsync(cancellation).ConfigureAwait(false) : null;
        if (_state.Value.Declaration is { } declaration)
        {
            await (declaration is { Durable: true, Exclusive: false } ? RestoreAsync(declaration, cancellation) : RestoreOwnedAsync(declaration, cancellation))
                .ConfigureAwait(false);
        }

        // The runtime gives up an activation that takes too long, and says no more to it.
        cancellation.ThrowIfCancellationRequested();
        _turns.TryRun(this, static activation =>
        {
            if (activation._slot.Declared is { } queue)
            {
                if (!queue.Definition.IsHidden)
                {
                    activation._services.Figures.Add(queue.Figures);
                }

                queue.Storage?.Journal.OnAdvance(activation._inbox.PostLook);
            }

            if (activation._state.Value is { Owner: not null })
            {
                // Whoever had it before cannot write any more, or this one cannot.
                lock (activation.Gate)
                {
                    if (activation._taken is { } taken)
                    {
                        taken.Delete();
                        taken.EndTurn(taken.Queue.Backlog.NextOffset, taken.DeliveredBound, isWaitedFor: false, []);
                    }

                    activation.Save();
                }

                if (activation._taken is not null)
                {
                    _ = activation.GiveTakenAsync(activation._saver.Saved);
                }
            }

            foreach (var debt in activation._debts)
            {
                activation._lastRemoval = activation.SettleAsync(debt);
            }

            activation.AskForSessions();
            activation.Look();
        });
    }

    /// <summary>The runtime ends the activation. Completes when all that it had for the store is written.</summary>
    /// <param name="isStopping">The silo stops, and with it the sessions of its own process.</param>
    public async Task EndAsync(bool isStopping, CancellationToken cancellation)
    {
        _services.Local.Remove(_key, _inbox);
        var isHandedOver = _turns.TryEnd(() =>
        {
            LeaveSessions();
            if (_slot.Declared is { } queue)
            {
                _slot.LeavePrepared(Now);
                HandOver(queue);
                queue.CloseStorage();
                _services.Figures.Remove(queue.Figures);
            }
        });
        await _ended.CancelAsync().ConfigureAwait(false);
        _recovered.TrySetResult();
        _inbox.Close();
        _timer.Dispose();
        _services.Due.Forget(DueKind.Queue, _key);
        if (isHandedOver)
        {
            await LeaveOutboxAsync().ConfigureAwait(false);
        }

        var flushed = Task.WhenAll(
            _slot.Declared?.Storage?.Journal.FlushAsync() ?? Task.CompletedTask, _handedOver?.FlushAsync() ?? Task.CompletedTask);

        // What could not be saved was logged.
        await _saver.Saved.WaitAsync(cancellation).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        try
        {
            await flushed.WaitAsync(cancellation).ConfigureAwait(false);
        }
        catch (StoreUnavailableException exception)
        {
            // It is over with the store, and was said. What the queue had for it was not confirmed, and the next activation begins without it.
            LogEndsUnstored(_services.Log, exception, _name, _vhost);
        }

        await Task.WhenAll(_counts.Saved, _segmentsSaved).WaitAsync(cancellation).ConfigureAwait(false);
        if (isHandedOver && _services.Owners is not null)
        {
            // Not before all is written: the next activation begins with what is stored. Sessions need not find out by themselves.
            _slot.LoseLinks(Now);
            if (isStopping)
            {
                _slot.Pushes.RemoveAll(push => push.Member == LossWatch.NameOf(_context.Address.SiloAddress!));
            }

            SendPushes();
        }
    }

    /// <summary>
    /// Dead letters under way would be sent again by the next activation: it does not know the links that they went over. So they are waited for, for a while; nothing else
    /// touches the queue any more.
    /// </summary>
    private async Task LeaveOutboxAsync()
    {
        if (_outbox is null || _slot.Declared is not { Storage.IsDurable: true } queue)
        {
            return;
        }

        await _outbox.LeaveAsync(LastLetters).ConfigureAwait(false);
        TakeArrived();
        if (_slot.Queue is { } counting)
        {
            // No turn follows that would.
            _counts.Save(counting);
        }

        queue.CloseStorage();
    }

    /// <summary>Dead messages are where they had to go: the store need not have them any more.</summary>
    private void TakeArrived()
    {
        while (_arrived is not null && _arrived.TryDequeue(out var arrived))
        {
            if (arrived.From != _slot.Queue)
            {
                // It was deleted. The offsets of one declared since are others.
                continue;
            }

            foreach (var run in arrived.Runs)
            {
                arrived.From.Forget(run.First, run.End);
                _underWay -= run.Count;
            }
        }
    }

    private async Task RestoreAsync(QueueDeclaration declaration, CancellationToken cancellation)
    {
        var incarnation = _state.Value.Incarnation;
        var definition = QueueDefinition.Stored(_vhost, _name, declaration);
        var identity = IdentityOf(definition, incarnation);
        var storage = await _services.Stores.TakeOverAsync(identity, _clock.StartedAt, cancellation).ConfigureAwait(false);
        if (storage is not null && definition.Settings is { Priorities: { } rule, MessageGroup: null })
        {
            storage = await _services.Stores.ReadPrioritiesAsync(storage, rule, cancellation).ConfigureAwait(false);
        }

        var prepared = storage is null ? [] : await ReadPreparedAsync(storage, incarnation, cancellation).ConfigureAwait(false);
        _slot = NewSlot(storage?.Journal.Queue.Epoch ?? _clock.StartedAt);
        if (_services.Owners is { } owners)
        {
            var sessions = await ReadSessionsAsync(owners, incarnation, cancellation).ConfigureAwait(false);
            _slot.Restore(
                definition, incarnation, _state.Value.BindingSources, storage, Now, [.. sessions.Keys], Now, Recovery.PatienceInCluster);
            _slot.Register!.Note(sessions);
        }
        else
        {
            _slot.Restore(
                definition, incarnation, _state.Value.BindingSources, storage, _services.Stores.OpenedAt, _services.Stores.TakeSessions(identity), Now);
        }

        if (_slot.Stream is { } stream)
        {
            await RestoreSegmentsAsync(stream, cancellation).ConfigureAwait(false);
            _slot.Recommit(prepared, Now);
            return;
        }

        _slot.Recommit(prepared, Now);

        await _counts.RestoreAsync(_slot.Queue!, cancellation).ConfigureAwait(false);
        _slot.Queue!.WaitAgain(Now);
        if (_slot.Queue is { DeadLetters: { } deadLetters })
        {
            _ = _services.Office.PrepareAsync(_vhost, deadLetters);
        }
    }

    private QueueSlot NewSlot(long epoch) => new(
        _vhost, _name, epoch,
        (definition, incarnation) => _services.Stores.Create(definition, IdentityOf(definition, incarnation), epoch), QueueEnded,
        _services.Owners is null ? null : new SessionRegister(), SettingsOf);

    private QueueIdentity IdentityOf(QueueDefinition definition, Guid incarnation) =>
        new(_key, incarnation) { IsStream = definition.Type == QueueTypes.Stream, HasTimes = definition.Type == QueueTypes.Delayed };

    /// <summary>A queue was deleted in this turn: that it is gone, and what it leaves to do, is in one flush.</summary>
    private void QueueEnded(IDeclaredQueue queue, BindingDebt? debt)
    {
        PostDead();
        _outbox?.KeepNoMore();
        (_outbox, _underWay) = (null, 0);
        if (!queue.Definition.IsHidden)
        {
            _services.Figures.End(queue.Figures);
        }

        lock (Gate)
        {
            queue.DeleteStorage();
            ForgetRows(queue);
            ForgetPrepared();
            if (debt is not null)
            {
                _debts.Add(debt);
            }

            Save();
        }

        if (debt is not null)
        {
            _lastRemoval = SettleAsync(debt);
        }
    }

    /// <summary>What the store has of a queue that was deleted besides its messages.</summary>
    private void ForgetRows(IDeclaredQueue queue)
    {
        if (queue is Queue { DeliveryCounts: { } counts } counting)
        {
            counts.Forget(0, long.MaxValue);
            _counts.Save(counting);
        }
        else if (queue is StreamQueue { HasSegmentChanges: true } stream)
        {
            SaveSegments(stream);
        }
    }

    /// <summary>Has the exchanges forget a queue that is gone, for as long as it takes.</summary>
    private async Task SettleAsync(BindingDebt debt)
    {
        try
        {
            await _services.Removal.SettleAsync(_vhost, debt, _ended.Token).ConfigureAwait(false);
        }
        catch (OperationCanceledException exception)
        {
            LogNotSettled(_services.Log, exception, _name, _vhost);
            return;
        }

        _turns.TryRun((this, debt), static settled =>
        {
            var (activation, debt) = settled;
            activation._debts.Remove(debt);
            activation.Save();
        });
    }

    /// <summary>An exclusive queue whose connection's member is gone goes, too, should nobody have said so to this activation.</summary>
    private void LetGoOfOwner()
    {
        if (_services.Owners is { } owners && _slot.Declared?.Definition.Owner is { } owner && owners.HasGone(owner))
        {
            _slot.LetGo(owner.Member!, Now);
        }
    }

    private void Fail(Exception exception)
    {
        LogTurnFailed(_services.Log, exception, _name, _vhost);
        _services.Figures.TurnFailed();
        LoseAll();
    }

    /// <summary>Ends without a word about what was begun; those who wait for it are told that it is lost.</summary>
    private void LoseAll()
    {
        LeaveSessions();
        if (_slot.Declared is { } queue)
        {
            queue.AbandonStorage();
            _services.Figures.Remove(queue.Figures);
            if (queue.Storage is { IsDurable: true })
            {
                _outbox?.Leave();
            }
        }

        _slot.LoseLinks(Now);
        SendPushes();
        _services.Local.Remove(_key, _inbox);
        _inbox.Close();
        _timer.Dispose();
        _ended.Cancel();
        _recovered.TrySetResult();
        EndActivation("It has nothing to say any more.");
    }

    private void LeaveIfEmpty() => _turns.TryRun(this, static activation =>
    {
        if (activation._slot.IsEmpty && activation._debts.Count == 0 && activation._saver.Saved.IsCompleted && activation._inbox.TryCloseEmpty())
        {
            LogLeaving(activation._services.Log, activation._name, activation._vhost);
            activation._turns.TryEnd(() => activation.EndActivation("There is no queue of this name."));
        }
    });

    // Not DeactivateOnIdle, which wants to be called by a turn of the runtime and throws when the activation has ended.
    private void EndActivation(string why) => _context.Deactivate(new DeactivationReason(DeactivationReasonCode.ApplicationRequested, why));

    private QueueAnswer Elsewhere()
    {
        LookForAnother();
        return QueueAnswer.Refused(BrokerError.QueueElsewhere(_vhost, _name));
    }

    /// <summary>An activation that only refuses gives way to one that takes the queue over, once that may be.</summary>
    private void LookForAnother()
    {
        if (!_services.Stores.IsLeftAlone(_key))
        {
            EndActivation("Another one may take the queue over.");
        }
    }
}
