using System.Collections.Concurrent;

namespace Granary.Core.Links;

/// <summary>
/// The sessions of this process that have, or had, something of a queue and have not ended. An activation that follows on another silo waits for those that it knows of; of one that has ended
/// it may know because that was not stored any more.
/// </summary>
public sealed class LiveSessions
{
    private readonly ConcurrentDictionary<SessionId, byte> _all = new();

    /// <summary>Before the queue hears of it.</summary>
    public void Add(SessionId session) => _all.TryAdd(session, 0);

    public void Remove(SessionId session) => _all.TryRemove(session, out _);

    /// <summary>Which of them have ended. They never come again.</summary>
    public SessionId[] FindGone(SessionId[] sessions) => [.. sessions.Where(session => !_all.ContainsKey(session))];
}
