using Granary.Core.Figures;
using Granary.Silo.Storage.Postgres;
using Npgsql;

namespace Granary.Silo.Outbox;

/// <summary>What waits in <c>granary.outbox</c>, as it was when somebody last looked. No scrape of metrics asks the database; where there is none, nothing waits.</summary>
internal sealed class OutboxWaiting(TimeProvider time) : IMetricSource
{
    private static readonly TimeSpan LookAgainAfter = TimeSpan.FromSeconds(5);

    private volatile Look? _last;

    public IEnumerable<ProcessMetric> Metrics
    {
        get
        {
            var last = _last;
            var age = last is { Messages: > 0 } ? (last.Oldest + time.GetElapsedTime(last.At)).TotalSeconds : 0;
            return
            [
                new("outbox_messages_waiting", IsCounter: false, "Messages that granary.publish put into the database and that are not published yet", last?.Messages ?? 0),
                new("outbox_oldest_age_seconds", IsCounter: false, "How long the first of these messages has waited", age),
            ];
        }
    }

    /// <summary>Looks, unless that was done a moment ago.</summary>
    public async Task LookAsync(NpgsqlConnection connection, CancellationToken cancellation)
    {
        if (_last is { } last && time.GetElapsedTime(last.At) < LookAgainAfter)
        {
            return;
        }

        var at = time.GetTimestamp();
        await using var command = new NpgsqlCommand(SqlText.OutboxWaiting, connection);
        await using var row = await command.ExecuteReaderAsync(cancellation).ConfigureAwait(false);
        await row.ReadAsync(cancellation).ConfigureAwait(false);
        _last = new Look(at, row.GetInt64(0), TimeSpan.FromSeconds(row.GetDouble(1)));
    }

    private sealed record Look(long At, long Messages, TimeSpan Oldest);
}
