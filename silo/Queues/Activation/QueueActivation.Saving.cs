using Granary.Silo.Ownership;
using Granary.Silo.Queues.Definition;
using Granary.Silo.Queues.Messages;
using Granary.Silo.Storage;
using Granary.Silo.Storage.Definitions;

namespace Granary.Silo.Queues.Activation;

/// <summary>What an activation stores, and what it reads back.</summary>
internal sealed partial class QueueActivation
{
    private static readonly TimeSpan LoadAgainAfter = TimeSpan.FromSeconds(1);

    /// <summary>In milliseconds: before its first message is due, a queue with delayed messages is woken after a restart, so that it has time to take over those that there are.</summary>
    private const long HeadStart = 10_000;

    /// <summary>In milliseconds: so long after a restart at the most a queue is woken that keeps dead messages until they have arrived.</summary>
    private const long KeptWake = 60_000;

    // Null: as it was read.
    private bool? _isOwned;

    // As it was saved last.
    private bool _isKnownAsConsumed;

    private void Save(bool isNew = false)
    {
        if (_services.Stores.Durable is not { } commit)
        {
            return;
        }

        var state = new QueueState { Debts = [.. _debts] };
        if (_slot.Declared is { } queue && (queue.Storage is { IsDurable: true } || _run is not null))
        {
            state.Declaration = queue.Definition.ToDeclaration();
            state.Incarnation = queue.Incarnation;
            state.BindingSources = [.. queue.BindingSources];
            if (queue.Storage is not { IsDurable: true })
            {
                state.Owner = queue.Definition.Owner is { } connection ? Owners.OwnerOf(connection) : _run;
                state.Epoch = _slot.Epoch;
                state.HasBeenConsumed = HasToBeKnownAsConsumed;
            }
        }

        _isKnownAsConsumed = state.HasBeenConsumed;

        if (_handedOver is not null)
        {
            state.IsHandedOver = true;
            state.AreConsumersKnown = _slot.Queue?.AreConsumersKnown(Now) == true;
            state.HandedOverFrom = [.. _slot.SessionMembers.Select(session => $"{session.Session.Value:n} {session.Member}")];
        }

        _saver.Save(state, SaveOwner(commit, state.Owner, isNew));
    }

    /// <summary>A queue that goes with its last consumer has one, and comes back if its silo is lost: if nobody comes again by then, it is to go.</summary>
    private bool HasToBeKnownAsConsumed =>
        _run is not null && _slot.Queue is { HasBeenConsumed: true, Definition: { AutoDelete: true, Owner: null }, Storage: not { IsDurable: true } };

    /// <summary>Keeps the list of what is owned.</summary>
    private Task? SaveOwner(GroupCommit commit, string? owner, bool isNew)
    {
        var wasOwned = _isOwned ?? _state.Value.Owner is not null;
        _isOwned = owner is not null;
        return owner is not null && (isNew || !wasOwned) ? commit.WriteAsync(OwnedRows.Added(DueKind.Queue, _key, owner))
            : owner is null && wasOwned ? commit.WriteAsync(OwnedRows.Removed(DueKind.Queue, _key))
            : null;
    }

    private void NotSaved(Exception exception)
    {
        if (_services.Stores.Durable is { IsRunning: false })
        {
            // Another activation here could store as little: this one goes on with what it has in memory, until the process ends.
            return;
        }

        LogNotSaved(_services.Log, exception, _name, _vhost);
        _services.Stores.NoteFenced(_key);
        _turns.TryEnd(LoseAll);
    }

    /// <summary>Has the store know when the queue has to be woken though nobody calls.</summary>
    private void StoreDue()
    {
        var due = _debts.Count > 0 ? Now
            : _slot.Declared is not { Storage.IsDurable: true } queue ? MessageRun.Never
            : queue.NextDue is not MessageRun.Never and var next && queue.Definition.Type == QueueTypes.Delayed ? next - HeadStart
            : queue.NextDue;

        if (_underWay > 0)
        {
            // What is kept until it has arrived may be so for long, and not have been due before it died.
            var isKept = _slot.Queue is { DeadLetters.Keeps: true };
            due = isKept ? Math.Min(due, Now + KeptWake) : due;

            // What was due and is under way is due after a crash: what is stored for it stays until it has arrived.
            if (due > _storedDue && (_storedDue != long.MinValue || !isKept))
            {
                return;
            }
        }

        if (due < _storedDue || (due > _storedDue && (_storedDue <= Now || due == MessageRun.Never)))
        {
            _storedDue = due;
            _services.Due.Set(DueKind.Queue, _key, due);
        }
    }

    private async Task LoadAsync(Queue queue, PageRequest request)
    {
        MessageRun[]? runs = null;
        try
        {
            var journal = queue.Storage!.Journal;
            runs = await Task.Run(() => journal.ReadAsync(request.First, request.End, request.Bytes, _ended.Token).AsTask()).ConfigureAwait(false);
        }
        catch (Exception exception) when (!_ended.IsCancellationRequested)
        {
            // Whatever it is: the messages are there, and somebody waits for them.
            LogNotRead(_services.Log, exception, _name, _vhost);
            await Task.Delay(LoadAgainAfter, _services.Time).ConfigureAwait(false);
        }
        catch (Exception exception)
        {
            LogReadTooLate(_services.Log, exception, _name, _vhost);
            return;
        }

        _turns.TryRun((this, queue, request, runs), static read => read.Item1.Loaded(read.queue, read.request, read.runs));
    }

    private void Loaded(Queue queue, PageRequest request, MessageRun[]? runs)
    {
        // Deleted while it was read, a queue has nothing in the store, and misses nothing.
        var missing = queue.Load(request, runs, Now);
        if (queue == _slot.Queue)
        {
            if (missing > 0)
            {
                LogMissing(_services.Log, missing, _name, _vhost, request.First, request.End);
            }

            _slot.Advance(Now);
        }
    }
}
