using System.Text;
using Granary.Core.Links;
using Granary.Silo.Storage;

namespace Granary.Silo.Queues.Activation;

/// <summary>In a cluster: the sessions that may have something of a durable queue, a row for each, in a table of the queue's own.</summary>
internal static class SessionRows
{
    public static string TableOf(string queueKey) => $"sessions {queueKey}";

    /// <param name="member">That has its connection.</param>
    public static RowChange Added(string queueKey, Guid incarnation, SessionId session, string? member) =>
        new(KeyOf(queueKey, session), Encoding.UTF8.GetBytes($"{incarnation:n} {member}"));

    public static RowChange Removed(string queueKey, SessionId session) => new(KeyOf(queueKey, session), null);

    /// <exception cref="StoreException">The row is not one of a session.</exception>
    public static (Guid Incarnation, SessionId Session, string Member) Parse(Row row)
    {
        var parts = Encoding.UTF8.GetString(row.Value.Span).Split(' ', 2);
        return parts.Length == 2 && Guid.TryParseExact(parts[0], "n", out var incarnation) && Guid.TryParseExact(row.Key.Key, "n", out var session)
            ? (incarnation, new SessionId(session), parts[1])
            : throw new StoreException($"The stored row '{row.Key.Key}' of '{row.Key.Table}' is none of a session.");
    }

    private static RowKey KeyOf(string queueKey, SessionId session) => new(TableOf(queueKey), session.Value.ToString("n"));
}
