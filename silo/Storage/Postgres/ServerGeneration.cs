using Microsoft.Extensions.Logging;

namespace Granary.Silo.Storage.Postgres;

/// <summary>
/// On which server, or timeline of it, the database is: each promotion of a standby, and each restore, is a generation of its own. Looked at on each new
/// connection, for what is on the far side of a connection can change with no other.
/// </summary>
internal sealed partial class ServerGeneration(ILogger log)
{
    private readonly Lock _gate = new();
    private long _seen;

    /// <param name="isNews">This connection was the first to notice.</param>
    /// <exception cref="StoreUnavailableException">The server is one that the database has left: what is written to it is lost.</exception>
    public void Note(long generation, bool isNews)
    {
        lock (_gate)
        {
            if (generation < _seen)
            {
                throw new StoreUnavailableException(
                    $"PostgreSQL answered as a server that it was before a standby took its place (generation {generation}, and {_seen} was there): nothing is written to it. See to it that the connection string leads to the new one.");
            }

            isNews |= _seen > 0 && generation > _seen;
            _seen = generation;
        }

        if (isNews)
        {
            LogChanged(generation);
        }
    }

    [LoggerMessage(3342, LogLevel.Warning, "PostgreSQL is another server than before, or was restored (generation {Generation}): what it had confirmed and lost meanwhile, a process says that wrote it and still runs; queues that change hands go on with offsets above all that were given")]
    private partial void LogChanged(long generation);
}
