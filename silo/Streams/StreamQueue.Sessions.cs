using Granary.Core.Links;
using Granary.Silo.Queues.Links;
using Granary.Silo.Storage;

namespace Granary.Silo.Streams;

/// <summary>The sessions behind the links: each batch of a session is taken once, over whatever link, and by whatever activation.</summary>
internal sealed partial class StreamQueue
{
    /// <summary>How long sessions that published to an earlier activation may take to come again, in milliseconds, until what is stored of them is forgotten.</summary>
    private const long SessionMemory = 60_000;

    /// <summary>What the store had of sessions when this activation began.</summary>
    private readonly Dictionary<SessionId, long> _storedSessions = [];

    private readonly Dictionary<SessionId, SessionState> _sessions = [];
    private long _forgetAt;

    public void Forget(QueueLink link)
    {
        if (!_sessions.TryGetValue(link.Session, out var session) || session.Link != link)
        {
            return;
        }

        _sessions.Remove(link.Session);
        if (_storedSessions.Remove(link.Session) || session.IsStored)
        {
            _storage?.Journal.NoteProgress(PublishProgress.End(link.Session));
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
            // Its consumers come again over the next link.
            LetGo(session.Link);
            session.Link.End(now);
        }

        (session.Link, link.State) = (link, session);
        return true;
    }

    /// <summary>The batch was taken before: over another link of its session, or by an earlier activation, which has stored it.</summary>
    private bool TryRecognise(QueueLink link, PublishItem publish)
    {
        var session = link.State!;
        var isKnown = publish.Number <= session.Number;
        if (publish.Number == 0 || (!isKnown && !(_storedSessions.TryGetValue(link.Session, out var through) && publish.Number <= through)))
        {
            return false;
        }

        var end = isKnown ? session.PublishedEnd : Watermark;
        Answer(link, new PublishedItem(end - publish.Batch.Count, null));
        link.PublishedEnd = Math.Max(link.PublishedEnd, end);
        return true;
    }

    /// <summary>The batch is taken with this turn.</summary>
    private void NoteTaken(QueueLink link, PublishItem publish)
    {
        if (publish.Number == 0)
        {
            return;
        }

        var session = link.State!;
        (session.Number, session.PublishedEnd, session.IsStored) = (publish.Number, link.PublishedEnd, true);
        _storage?.Journal.NoteProgress(new PublishProgress(link.Session, publish.Number));
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
                _storage?.Journal.NoteProgress(PublishProgress.End(id));
            }
        }

        _storedSessions.Clear();
    }
}
