using Granary.Core.Links;
using Granary.Core.Messages;
using Granary.Silo.Queues.Deduplication;
using Granary.Silo.Queues.Links;
using Granary.Silo.Storage;

namespace Granary.Silo.Queues;

/// <summary>What sessions publish is taken once.</summary>
internal sealed partial class Queue
{
    /// <summary>The earlier activation handed over what it had taken, transient messages, too: nothing of it is taken again.</summary>
    private bool _hasAllOfEarlier;

    /// <inheritdoc cref="SessionTable.Forget"/>
    public void Forget(QueueLink link) => _sessions.Forget(link);

    /// <summary>The link is the one of its session from now on. One before it has been given up by its gateway.</summary>
    private bool TryJoin(QueueLink link, long now)
    {
        if (!_sessions.TryJoin(link, out var earlier))
        {
            link.End(now);
            return false;
        }

        if (earlier is not null)
        {
            Abandon(earlier, now);
        }

        return true;
    }

    // Its consumers come again over the next link: that they go is no reason for an auto-delete queue to go.
    private void Abandon(QueueLink link, long now)
    {
        foreach (var consumer in link.Consumers.Values)
        {
            _dispatch.Remove(consumer);
        }

        // Nobody has returned them: what the session holds it says over its next link.
        link.Unacked.Settle(0, long.MaxValue, _live, gone: null, _dispatch);
        if (_groups is not null)
        {
            ReleaseGroups(_live);
        }

        foreach (var run in _live)
        {
            Return(run, wasSeen: true, now);
        }

        _live.Clear();
        _untidy.Remove(link);
        link.End(now);
    }

    /// <summary>
    /// The batch was taken before: over another link of its session, or by an earlier activation, which has stored it. If some of it was refused nobody
    /// knows any more what, so that all is.
    /// </summary>
    private bool TryRecognise(QueueLink link, PublishItem publish)
    {
        var session = link.State!;
        if (publish.Number == 0 || (publish.Number > session.Number && !IsStored(link, publish)))
        {
            return false;
        }

        var count = publish.Batch.Count;
        var end = publish.Number <= session.Number ? session.PublishedEnd : Watermark;
        Answer(link, WasTakenWhole(link, publish)
            ? new PublishedItem(end - count, null)
            : new PublishedItem(end, [.. Enumerable.Range(0, count)]));
        link.PublishedEnd = Math.Max(link.PublishedEnd, end);
        return true;
    }

    // What the owner of an exclusive queue has had says nothing of what was refused.
    private bool WasTakenWhole(QueueLink link, PublishItem publish) =>
        publish.WasTaken || (publish.Number > _sessions.RefusedThrough(link) && (_given is null || _limit is not { Refuses: true }));

    private bool IsStored(QueueLink link, PublishItem publish) =>
        _sessions.WasTakenEarlier(link.Session, publish.Number)
        && (_journal is null || _hasAllOfEarlier || (publish.Batch.Flags & MessageFlags.Persistent) != 0);

    /// <summary>
    /// At the end of the activation: the next one is to know what was taken, as publishers that have no answer yet send it again. Of a durable queue it knows that of
    /// persistent messages anyway; of others only if all are handed over, since those that are not would be lost if they were not taken again.
    /// </summary>
    private void LeaveProgress(QueueJournal journal)
    {
        var isAny = false;
        foreach (var session in _sessions.All)
        {
            if (session.HasTransient || (session.Number > 0 && journal != _journal))
            {
                journal.NoteProgress(new PublishProgress(session.Link.Session, session.Number) { IsLast = true });
                if (session.RefusedThrough > 0)
                {
                    journal.NoteProgress(PublishProgress.Refused(session.Link.Session, session.RefusedThrough) with { IsLast = true });
                }

                isAny = true;
            }
        }

        // Who has not come yet may have published what was lost with an activation before this one.
        if (isAny && journal == _journal && _sessions.Earlier.Keys.All(session => _sessions.LinkOf(session) is not null))
        {
            journal.NoteProgress(new PublishProgress(MessageKey.OfHandOver, 1));
        }
    }

    /// <summary>The batch is taken with this turn.</summary>
    /// <param name="first">The offset of its first message.</param>
    /// <param name="isWhole">Nothing of it was refused.</param>
    private void NoteTaken(QueueLink link, PublishItem publish, long first, bool isWhole)
    {
        if (publish.Number == 0)
        {
            return;
        }

        var session = link.State!;
        (session.Number, session.PublishedEnd) = (publish.Number, link.PublishedEnd);
        session.RefusedThrough = isWhole ? session.RefusedThrough : publish.Number;
        _given?.Take(link.Session, publish, first, link.PublishedEnd, hasOwner: ConsumerCount > 0);
        if ((publish.Batch.Flags & MessageFlags.Persistent) != 0)
        {
            _sessions.Store(link, publish.Number);
        }
        else
        {
            session.HasTransient = true;
        }
    }

    /// <summary>The owner of an exclusive queue in memory is told which batches are gone from it, with the packet that takes the last of them there. Nothing comes back of them.</summary>
    private void TellProgress()
    {
        if (_given is { IsEmpty: false } given && _ready.IsEmpty
            && _sessions.All.FirstOrDefault(static session => session.Link is { HasItems: true, Consumers.Count: > 0, Unacked.Count: 0 }) is { } owner)
        {
            owner.Link.SendProgress(given.TakeProgress());
        }
    }

    /// <summary>The owner says of an earlier activation which batches it has had.</summary>
    private void NoteGiven(QueueLink link)
    {
        if (_given is not { } given || link.Opener?.GivenThrough is not { } progress)
        {
            return;
        }

        foreach (var (session, number) in progress)
        {
            _sessions.NoteEarlier(session, number);
        }

        given.Drop(_sessions.Earlier, _ready, NoteGone);
    }
}
