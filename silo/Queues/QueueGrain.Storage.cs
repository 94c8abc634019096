using Granary.Core;
using Granary.Core.Topology;
using Granary.Silo.Queues.Messages;
using Granary.Silo.Storage.Definitions;

namespace Granary.Silo.Queues;

internal sealed partial class QueueGrain
{
    private const int BytesPerLook = 4 * 1024 * 1024;

    private static readonly TimeSpan LoadAgainAfter = TimeSpan.FromSeconds(1);

    private readonly object _ownGate = new();
    private Task _saved = Task.CompletedTask;
    private bool _saveAgain;
    private bool _isSaving;
    private bool _isFenced;

    // Below all times: an earlier activation may have left one, which the first turn sets right.
    private long _storedDue = long.MinValue;

    /// <summary>What a turn hands to the store under it is in one flush: messages, and the definition that belongs to them.</summary>
    private object Gate => _stores.Durable?.Gate ?? _ownGate;

    /// <summary>Stands in line for the next flush on return, with the definition as it is now.</summary>
    private void Save()
    {
        if (_stores.Durable is null)
        {
            return;
        }

        _saveAgain = true;
        if (!_isSaving)
        {
            _isSaving = true;
            _saved = SaveAsync();
        }
    }

    private async Task SaveAsync()
    {
        try
        {
            while (BeginSave() is { } save)
            {
                await save;
            }
        }
        catch (Exception exception)
        {
            // Another activation writes it, or the node stops. Either way this one must not go on.
            LogNotSaved(exception, _name, _vhost);
            lock (_turn)
            {
                Fence();
            }

            throw;
        }
    }

    /// <summary>Writes the definition as it is now; null when it is written.</summary>
    private Task? BeginSave()
    {
        lock (_turn)
        {
            if (!_saveAgain)
            {
                _isSaving = false;
                return null;
            }

            _saveAgain = false;
            var state = CurrentState();
            return !state.IsEmpty ? _state.WriteAsync(state) : _state.Exists ? _state.ClearAsync() : Task.CompletedTask;
        }
    }

    private QueueState CurrentState()
    {
        var state = new QueueState { Debts = [.. _debts] };
        if (_slot.Queue is { Storage.IsDurable: true } queue)
        {
            var definition = queue.Definition;
            state.Declaration = definition.ToDeclaration();
            state.Incarnation = queue.Incarnation;
            state.BindingSources = [.. queue.BindingSources];
        }

        return state;
    }

    /// <summary>Has the store know when the queue has to be woken though nobody calls.</summary>
    private void StoreDue()
    {
        var due = _debts.Count > 0 ? Now
            : _slot.Queue is { Storage.IsDurable: true } queue ? queue.NextDue
            : MessageRun.Never;
        if (due < _storedDue || (due > _storedDue && (_storedDue <= Now || due == MessageRun.Never)))
        {
            _storedDue = due;
            _due.Set(DueKind.Queue, this.GetPrimaryKeyString(), due);
        }
    }

    /// <summary>An answer that is given when the definition is durable.</summary>
    private ValueTask<T> WhenSaved<T>(T answer)
    {
        return _saved.IsCompletedSuccessfully ? ValueTask.FromResult(answer) : WaitAsync(answer, _saved);

        static async ValueTask<T> WaitAsync(T answer, Task saved)
        {
            await saved;
            return answer;
        }
    }

    /// <summary>One turn for all that came without a call.</summary>
    private void TakeNews(ReadOnlySpan<QueueNews> all)
    {
        lock (_turn)
        {
            var taken = 0;
            try
            {
                var looks = false;
                for (; taken < all.Length; taken++)
                {
                    looks |= all[taken].Up is null;
                    Take(all[taken]);
                }

                if (looks)
                {
                    _inbox.BeginLook();
                    Look();
                }
                else if (!_isFenced)
                {
                    EndTurn();
                }
            }
            catch (Exception exception)
            {
                Fail(exception);
                foreach (var news in all[taken..])
                {
                    news.Link?.Fail();
                }
            }
        }
    }

    private void Take(in QueueNews news)
    {
        if (news is not { Up: { } up, Link: { } link })
        {
            return;
        }

        if (_isFenced)
        {
            link.Fail();
            return;
        }

        _leavesAt = MessageRun.Never;
        link.Answer(_slot.Send(up, Now, link));
        EndQueueIfDeleted();
    }

    /// <summary>Takes up what moved in the store, arrived where dead letters go, or is due.</summary>
    private void Look()
    {
        if (_isFenced)
        {
            return;
        }

        if (_slot.Queue is { Storage.Journal.IsFenced: true })
        {
            LogFenced(_name, _vhost);
            Fence();
            return;
        }

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
            }
        }

        if (_timerCame)
        {
            RunDue();
        }

        _slot.Advance(Now);
        EndTurn();
    }

    /// <summary>This activation is not believed any more: it gives no answers, and goes.</summary>
    private void Fence()
    {
        _stores.NoteFenced(this.GetPrimaryKeyString());
        EndAsLost();
    }

    /// <summary>A turn that nobody called for broke off half-way: the next activation begins with what is stored.</summary>
    private void Fail(Exception exception)
    {
        LogTurnFailed(exception, _name, _vhost);
        EndAsLost();
    }

    /// <summary>Ends without a word about what was begun; those who wait for it are told that it is lost.</summary>
    private void EndAsLost()
    {
        _isFenced = true;
        _slot.LoseLinks(Now);
        SendPushes();
        _local.Remove(this.GetPrimaryKeyString(), _inbox);
        _inbox.Close();
        _timer.Dispose();
        EndActivation("It has nothing to say any more.");
    }

    // Not DeactivateOnIdle, which wants to be called by a turn of the runtime and throws when the activation has ended.
    private void EndActivation(string why) =>
        GrainContext.Deactivate(new DeactivationReason(DeactivationReasonCode.ApplicationRequested, why));

    private QueueAnswer Elsewhere()
    {
        LookForAnother();
        return QueueAnswer.Refused(BrokerError.QueueElsewhere(_vhost, _name));
    }

    /// <summary>An activation that only refuses gives way to one that takes the queue over, once that may be.</summary>
    private void LookForAnother()
    {
        if (!_stores.IsLeftAlone(this.GetPrimaryKeyString()))
        {
            EndActivation("Another one may take the queue over.");
        }
    }

    private async Task LoadAsync(Queue queue, PageRequest request)
    {
        MessageRun[]? runs = null;
        try
        {
            var journal = queue.Storage!.Journal;
            runs = await Task.Run(() => journal.ReadAsync(request.First, request.End, request.Bytes, CancellationToken.None).AsTask());
        }
        catch (Exception exception)
        {
            // Whatever it is: the messages are there, and somebody waits for them.
            LogNotRead(exception, _name, _vhost);
            await Task.Delay(LoadAgainAfter, _time);
        }

        lock (_turn)
        {
            try
            {
                Loaded(queue, request, runs);
            }
            catch (Exception exception)
            {
                Fail(exception);
            }
        }
    }

    private void Loaded(Queue queue, PageRequest request, MessageRun[]? runs)
    {
        if (_isFenced)
        {
            return;
        }

        // Deleted while it was read, a queue has nothing in the store, and misses nothing.
        var missing = queue.Load(request, runs, Now);
        if (queue == _slot.Queue)
        {
            if (missing > 0)
            {
                LogMissing(missing, _name, _vhost, request.First, request.End);
            }

            _slot.Advance(Now);
            EndTurn();
        }
    }

    /// <summary>A limit in bytes counts bodies, which the store does not.</summary>
    private static async Task<long> CountBodiesAsync(QueueStorage storage, CancellationToken cancellation)
    {
        var (from, end, bytes) = (storage.Backlog.First, storage.Backlog.NextOffset, 0L);
        while (from < end && await storage.Journal.ReadAsync(from, end, BytesPerLook, cancellation) is { Length: > 0 } runs)
        {
            foreach (var run in runs)
            {
                bytes += run.BodyLength();
                from = run.End;
            }
        }

        return bytes;
    }
}
