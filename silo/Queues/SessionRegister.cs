using Granary.Core.Links;
using Granary.Silo.Queues.Links;

namespace Granary.Silo.Queues;

/// <summary>
/// Which sessions may have something of the queue that they were given, as the store knows it: each is written down before it is given anything, so that an
/// activation on another silo knows for whom it has to wait. Used in turns.
/// </summary>
internal sealed class SessionRegister
{
    /// <summary>With each, the member that has its connection.</summary>
    private readonly Dictionary<SessionId, string?> _known = [];

    private readonly Dictionary<SessionId, string?> _asked = [];
    private readonly List<SessionId> _over = [];

    /// <summary>Sessions to be written down, and told of by <see cref="Note"/> when they are.</summary>
    public Dictionary<SessionId, string?> Unwritten { get; } = [];

    /// <summary>Sessions that are over, and whose rows are to be removed.</summary>
    public List<SessionId> Over => _over;

    public bool HasChanges => Unwritten.Count > 0 || _over.Count > 0;

    public IEnumerable<SessionId> Known => _known.Keys;

    /// <summary>The store has these.</summary>
    public void Note(IEnumerable<KeyValuePair<SessionId, string?>> sessions)
    {
        foreach (var (session, member) in sessions)
        {
            _asked.Remove(session);
            _known[session] = member;
        }
    }

    /// <summary>The packet wants something to be given to a session that the store does not know: it has to wait, and what comes after it.</summary>
    public bool HoldsUp(QueueLink link, LinkUp packet)
    {
        if ((packet.Open ?? link.Opener) is not { } opener || _known.ContainsKey(opener.Session) || !Array.Exists(packet.Items, static item => item is AttachItem or GetItem or HoldItem))
        {
            return false;
        }

        if (_asked.TryAdd(opener.Session, opener.Connection.Member))
        {
            Unwritten.Add(opener.Session, opener.Connection.Member);
        }

        return true;
    }

    /// <summary>The session is over, and has nothing.</summary>
    public void End(SessionId session)
    {
        if (_known.Remove(session))
        {
            _over.Add(session);
        }
    }

    /// <summary>The member that has the connection of a session that the store knows.</summary>
    public string? MemberOf(SessionId session) => _known.GetValueOrDefault(session);

    /// <summary>The sessions of a member that is gone.</summary>
    public SessionId[] Of(string member) => [.. _known.Where(known => known.Value == member).Select(known => known.Key)];
}
