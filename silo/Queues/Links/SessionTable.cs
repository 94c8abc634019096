using Granary.Core.Links;
using Granary.Silo.Storage;

namespace Granary.Silo.Queues.Links;

/// <summary>The sessions behind the links: each batch of a session is taken once, over whatever link, and by whatever activation.</summary>
/// <param name="journal">Where it is written how much of a session was taken; null: nowhere.</param>
internal sealed class SessionTable(QueueJournal? journal)
{
    /// <summary>How long sessions that published to an earlier activation may take to come again, in milliseconds, until what is stored of them is forgotten.</summary>
    private const long Memory = 60_000;

    private readonly Dictionary<SessionId, SessionState> _sessions = [];

    /// <summary>What was taken by earlier activations.</summary>
    private readonly Dictionary<SessionId, long> _earlier = [];

    /// <summary>Through which number some of it was refused.</summary>
    private readonly Dictionary<SessionId, long> _earlierRefused = [];

    private long _forgetAt;

    public IEnumerable<SessionState> All => _sessions.Values;

    /// <summary>Through which number earlier activations took each session's batches, as far as that is not forgotten.</summary>
    public IReadOnlyDictionary<SessionId, long> Earlier => _earlier;

    /// <summary>Earlier activations took the session's batches up to this number.</summary>
    public void NoteEarlier(SessionId session, long number) => _earlier[session] = Math.Max(number, _earlier.GetValueOrDefault(session));

    /// <summary>Of the session's batches up to this number earlier activations refused some.</summary>
    public void NoteEarlierRefused(SessionId session, long number) => _earlierRefused[session] = number;

    /// <summary>Of the session's batches up to this number some were refused, or messages of them; of those after it none, as far as they were taken.</summary>
    public long RefusedThrough(QueueLink link) => Math.Max(link.State!.RefusedThrough, _earlierRefused.GetValueOrDefault(link.Session));

    /// <summary>An earlier activation took this batch.</summary>
    public bool WasTakenEarlier(SessionId session, long number) => _earlier.Count > 0 && _earlier.TryGetValue(session, out var through) && number <= through;

    /// <summary>The last link of a session, which may have ended; null: nothing is known of the session.</summary>
    public QueueLink? LinkOf(SessionId session) => _sessions.GetValueOrDefault(session)?.Link;

    /// <summary>The link is the one of its session from now on. False: its session has gone on over another one.</summary>
    /// <param name="earlier">The session's link before it, which its gateway has given up; null if that has ended already.</param>
    public bool TryJoin(QueueLink link, out QueueLink? earlier)
    {
        earlier = null;
        if (!_sessions.TryGetValue(link.Session, out var session))
        {
            _sessions.Add(link.Session, link.State = new SessionState(link));
            return true;
        }

        if (session.Link.Opener!.Ordinal > link.Opener!.Ordinal)
        {
            return false;
        }

        earlier = session.Link.HasEnded ? null : session.Link;
        (session.Link, link.State) = (link, session);
        return true;
    }

    /// <summary>The store is to know that the batch was taken.</summary>
    public void Store(QueueLink link, long number)
    {
        if (journal is not null)
        {
            link.State!.IsStored = true;
            journal.NoteProgress(new PublishProgress(link.Session, number));
            if (link.State.RefusedThrough is > 0 and var refused)
            {
                // Though it was noted before: that may have been in a turn of which nothing had to be stored.
                journal.NoteProgress(PublishProgress.Refused(link.Session, refused));
            }
        }
    }

    /// <summary>Nothing will be heard of the link any more; nor of its session, unless that has another one.</summary>
    public void Forget(QueueLink link)
    {
        if (!_sessions.TryGetValue(link.Session, out var session) || session.Link != link)
        {
            return;
        }

        _sessions.Remove(link.Session);
        if (_earlier.Remove(link.Session) || session.IsStored)
        {
            journal?.NoteProgress(PublishProgress.End(link.Session));
        }

        if (_earlierRefused.Remove(link.Session) || session is { IsStored: true, RefusedThrough: > 0 })
        {
            journal?.NoteProgress(PublishProgress.Refused(link.Session, PublishProgress.Over));
        }
    }

    /// <summary>To be called every second or so while there is anything in <see cref="Earlier"/>: whoever still waits for a confirm of then has long come again.</summary>
    public void ForgetEarlier(long now)
    {
        _forgetAt = _forgetAt == 0 ? now + Memory : _forgetAt;
        if (_earlier.Count == 0 || now < _forgetAt)
        {
            return;
        }

        foreach (var id in _earlier.Keys)
        {
            if (_sessions.TryGetValue(id, out var session))
            {
                session.IsStored = true;
            }
            else
            {
                journal?.NoteProgress(PublishProgress.End(id));
            }
        }

        foreach (var (id, refused) in _earlierRefused)
        {
            if (_sessions.TryGetValue(id, out var session))
            {
                session.RefusedThrough = Math.Max(session.RefusedThrough, refused);
            }
            else
            {
                journal?.NoteProgress(PublishProgress.Refused(id, PublishProgress.Over));
            }
        }

        _earlier.Clear();
        _earlierRefused.Clear();
    }
}
