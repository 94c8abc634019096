using Granary.Amqp;
using Granary.Core;
using Granary.Core.Links;
using Granary.Core.Topology;
using Granary.Silo.Exchanges;
using Granary.Silo.Hosting.Cluster;
using Granary.Silo.Placement;
using Granary.Silo.Queues.Definition;
using Granary.Silo.Queues.Messages;
using Granary.Silo.Storage;
using Orleans.Runtime.Placement;

namespace Granary.Silo.Queues.Activation;

/// <summary>How a queue goes from silo to silo that is not, or not all, in the store.</summary>
internal sealed partial class QueueActivation
{
    /// <summary>A queue that comes back gives offsets that none of its earlier activations has given: its epoch, which is a time, times a million.</summary>
    private const int OffsetsPerMillisecond = 20;

    /// <summary>By so much the clocks of two silos may differ, in milliseconds, without one giving offsets that the other has given.</summary>
    private const long ClockSkew = 10_000;

    /// <summary>Of the messages that were handed over so many bytes are read at once.</summary>
    private const int ReadAtOnce = 4 * 1024 * 1024;

    /// <summary>
    /// Awaited as if it were a session, until the messages are removed there: were they given out before, and the silo lost, the next activation would find them once more, and nothing would
    /// tell that somebody has had them.
    /// </summary>
    private static readonly SessionId Removal = SessionId.New();

    /// <summary>Where messages of a queue that is not durable were written for the next activation.</summary>
    private QueueJournal? _handedOver;

    /// <summary>Where this activation found such messages, until they are removed there.</summary>
    private QueueJournal? _taken;

    /// <summary>
    /// A queue that is not durable comes back if its owner is there, with the messages that were handed over, without any if its silo was lost. Otherwise what it leaves
    /// is cleared away.
    /// </summary>
    private async Task RestoreOwnedAsync(QueueDeclaration declaration, CancellationToken cancellation)
    {
        var state = _state.Value;
        if (_services.Owners is null || await _services.Owners.IsGoneAsync(state.Owner ?? "", cancellation).ConfigureAwait(false))
        {
            if (state.BindingSources.Count > 0)
            {
                _debts.Add(new BindingDebt(new Destination(DestinationKind.Queue, _name, state.Incarnation), [.. state.BindingSources]));
            }

            if (state.IsHandedOver)
            {
                _taken = (await _services.Stores.TakeOverAsync(new QueueIdentity(_key, state.Incarnation), _clock.StartedAt, cancellation).ConfigureAwait(false))?.Journal;
            }

            LogOwnerGone(_services.Log, _name, _vhost);
            return;
        }

        var definition = QueueDefinition.Stored(_vhost, _name, declaration);
        var epoch = Math.Max(_clock.StartedAt, state.Epoch + ClockSkew);
        _slot = NewSlot(epoch);
        var identity = new QueueIdentity(_key, state.Incarnation);
        _slot.RestoreEmpty(
            definition, state.Incarnation, state.BindingSources, _services.Stores.Create(definition, identity, epoch), epoch << OffsetsPerMillisecond, Now,
            state.AreConsumersKnown, state.HasBeenConsumed);
        if (state.IsHandedOver)
        {
            await TakeHandedOverAsync(identity, cancellation).ConfigureAwait(false);
        }
        else
        {
            LogCameBack(_services.Log, _name, _vhost);
        }
    }

    /// <summary>The messages are in memory again, as they were, and no longer in the store.</summary>
    private async Task TakeHandedOverAsync(QueueIdentity identity, CancellationToken cancellation)
    {
        var storage = (await _services.Stores.TakeOverAsync(identity, _clock.StartedAt, cancellation).ConfigureAwait(false))!;
        var backlog = storage.Backlog;
        List<MessageRun> runs = [];
        for (var at = backlog.First; at < backlog.NextOffset;)
        {
            var read = await storage.Journal.ReadAsync(at, backlog.NextOffset, ReadAtOnce, cancellation).ConfigureAwait(false);
            if (read.Length == 0)
            {
                break;
            }

            runs.AddRange(read);
            at = read[^1].End;
        }

        var sessions = new Dictionary<SessionId, string?>();
        foreach (var parts in _state.Value.HandedOverFrom.Select(session => session.Split(' ', 2)))
        {
            if (await MayComeAsync(_services.Owners!, parts[1], cancellation).ConfigureAwait(false))
            {
                sessions.Add(new SessionId(Guid.Parse(parts[0])), parts[1]);
            }
        }

        _slot.Queue!.TakeOver(runs, backlog, Now);
        _slot.Queue.Await(runs.Count > 0 ? [.. sessions.Keys, Removal] : [.. sessions.Keys], Now + Recovery.PatienceInCluster);
        _slot.Register!.Note(sessions);
        _taken = storage.Journal;
        LogTookOver(_services.Log, runs.Sum(run => (long)run.Count), _name, _vhost);
    }

    /// <summary>What was taken may be given out when it is nowhere else any more.</summary>
    private async Task GiveTakenAsync(Task removed)
    {
        await removed.ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        if (removed.IsCompletedSuccessfully)
        {
            _turns.TryRun(this, static activation =>
            {
                activation._slot.Queue?.AwaitNoMore(Removal);
                activation._slot.Advance(activation.Now);
            });
        }
    }

    /// <summary>Ends the activation if the queue belongs to a silo that has joined, and takes along all that it has.</summary>
    private void MoveToJoined(JoinedSilos silos)
    {
        var place = SpreadPlacementDirector.Choose(_context.GrainId.GetUniformHashCode(), silos.All);
        if (silos.New.Contains(place) && WhyNotMoved() is null)
        {
            TryMove(place);
        }
    }

    /// <summary>The answer to who wants the queue to be elsewhere.</summary>
    private QueuePlace Move(SiloAddress silo)
    {
        if (_slot.Declared is null)
        {
            return new QueuePlace(BrokerError.NoQueue(_vhost, _name), null);
        }

        if (!silo.Equals(_context.Address.SiloAddress))
        {
            if (WhyNotMoved() is { } reason)
            {
                return new QueuePlace(new BrokerError(ReplyCode.PreconditionFailed, $"queue '{_name}' in vhost '{_vhost}' cannot be moved: {reason}"), null);
            }

            LogMoving(_services.Log, _name, _vhost, silo);
            TryMove(silo);
        }

        return new QueuePlace(null, _context.Address.SiloAddress);
    }

    /// <summary>Null: the queue can go to another silo, with all that it has.</summary>
    private string? WhyNotMoved() =>
        _slot.Declared is not { } queue ? "there is none"
        : queue.Definition.Owner?.Member == LossWatch.NameOf(_context.Address.SiloAddress!) ? "it is exclusive to a connection of the silo that it is on"
        : _slot.IsPrepared ? "a transaction waits for its decision"
        : _underWay > 0 && _slot.Queue is { DeadLetters.Keeps: true } ? "dead messages of it are not yet where they are to go"
        : queue.WhyNotMoved;

    private bool TryMove(SiloAddress silo)
    {
        if (silo.Equals(_context.Address.SiloAddress))
        {
            return false;
        }

        // The next activation is made there, before those who call find out: a call that came here would make one here again.
        _context.Migrate(new Dictionary<string, object> { [IPlacementDirector.PlacementHintKey] = silo }, CancellationToken.None);
        return true;
    }

    /// <summary>In a cluster another silo goes on with the queue: it gets what there is in memory, as far as it can be stored.</summary>
    private void HandOver(IDeclaredQueue queue)
    {
        if (_services.Owners is null || _services.Stores.Durable is not { } commit)
        {
            return;
        }

        (long Stored, long Lost) messages;
        if (queue.Storage is { IsDurable: true })
        {
            messages = queue.HandOver(borrowed: null);
        }
        else
        {
            lock (Gate)
            {
                _handedOver = new QueueJournal(commit, commit.Store.Create(new QueueIdentity(_key, queue.Incarnation), _slot.Epoch), isNew: true);
                messages = queue.HandOver(_handedOver);
                Save();
            }
        }

        if (messages.Lost > 0)
        {
            LogLostAtTheEnd(_services.Log, messages.Lost, _name, _vhost, messages.Stored);
        }
    }
}
