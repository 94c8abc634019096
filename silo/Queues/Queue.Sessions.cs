using Granary.Core.Links;
using Granary.Core.Messages;
using Granary.Silo.Queues.Links;
using Granary.Silo.Storage;

namespace Granary.Silo.Queues;

/// <summary>The sessions behind the links: each batch of a session is taken once, over whatever link, and by whatever activation.</summary>
internal sealed partial class Queue
{
    /// <summary>How long sessions that published to an earlier activation may take to come again, in milliseconds, until what is stored of them is forgotten.</summary>
    private const long SessionMemory = 60_000;

    /// <summary>What the store had of sessions when this activation began.</summary>
    private readonly Dictionary<SessionId, long> _storedSessions = [];

    private readonly Dictionary<SessionId, SessionState> _sessions = [];
    private long _forgetAt;

    /// <summary>Nothing will be heard of the link any more; nor of its session, unless that has another one.</summary>
    public void Forget(QueueLink link)
    {
        if (!_sessions.TryGetValue(link.Session, out var session) || session.Link != link)
        {
            return;
        }

        _sessions.Remove(link.Session);
        if (_storedSessions.Remove(link.Session) || session.IsStored)
        {
            _journal?.NoteProgress(PublishProgress.End(link.Session));
        }
    }

    /// <summary>The link is the one of its session from now on. One before it has been given up by its gateway.</summary>
    private bool TryJoin(QueueLink link, long now)
    {
        if (!_sessions.TryGetValue(link.Session, out var session))
        {
            _sessions.Add(link.Session, link.State = new SessionState(link));
            return true;
        }

        if (session.Link.Opener!.Ordinal > link.Opener!.Ordinal)
        {
            link.End(now);
            return false;
        }

        if (!session.Link.HasEnded)
        {
            Abandon(session.Link, now);
        }

        (session.Link, link.State) = (link, session);
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
        foreach (var run in _live)
        {
            Return(run, wasSeen: true, now);
        }

        _live.Clear();
        _untidy.Remove(link);
        link.End(now);
    }

    /// <summary>
    /// The batch was taken before: over another link of its session, or by an earlier activation, which has stored it. Where a full queue refuses messages nobody
    /// knows any more which they were, so that all are.
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
        Answer(link, _limit is { Refuses: true }
            ? new PublishedItem(end, [.. Enumerable.Range(0, count)])
            : new PublishedItem(end - count, null));
        link.PublishedEnd = Math.Max(link.PublishedEnd, end);
        return true;
    }

    private bool IsStored(QueueLink link, PublishItem publish) =>
        _storedSessions.Count > 0 && (_journal is null || (publish.Batch.Flags & MessageFlags.Persistent) != 0)
        && _storedSessions.TryGetValue(link.Session, out var through) && publish.Number <= through;

    /// <summary>The batch is taken with this turn.</summary>
    private void NoteTaken(QueueLink link, PublishItem publish)
    {
        if (publish.Number == 0)
        {
            return;
        }

        var session = link.State!;
        (session.Number, session.PublishedEnd) = (publish.Number, link.PublishedEnd);
        _given?.Take(link.Session, publish, link.PublishedEnd - publish.Batch.Count, link.PublishedEnd, hasOwner: ConsumerCount > 0);
        if (_journal is { } journal && (publish.Batch.Flags & MessageFlags.Persistent) != 0)
        {
            session.IsStored = true;
            journal.NoteProgress(new PublishProgress(link.Session, publish.Number));
        }
    }

    /// <summary>The owner of an exclusive queue in memory is told which batches are gone from it, with the packet that takes the last of them there. Nothing comes back of them.</summary>
    private void TellProgress()
    {
        if (_given is { IsEmpty: false } given && _ready.IsEmpty
            && _sessions.Values.FirstOrDefault(static session => session.Link is { HasItems: true, Consumers.Count: > 0, Unacked.Count: 0 }) is { } owner)
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
            _storedSessions[session] = Math.Max(number, _storedSessions.GetValueOrDefault(session));
        }

        given.Drop(_storedSessions, _ready, NoteGone);
    }

    // Whoever still waits for a confirm from the earlier activation has long come again.
    private void ForgetSessions(long now)
    {
        _forgetAt = _forgetAt == 0 ? now + SessionMemory : _forgetAt;
        if (_storedSessions.Count == 0 || now < _forgetAt)
        {
            return;
        }

        foreach (var id in _storedSessions.Keys)
        {
            if (_sessions.TryGetValue(id, out var session))
            {
                session.IsStored = true;
            }
            else
            {
                _journal?.NoteProgress(PublishProgress.End(id));
            }
        }

        _storedSessions.Clear();
    }
}
