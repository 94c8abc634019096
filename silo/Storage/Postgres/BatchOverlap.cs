using Granary.Silo.Queues.Messages;
using Npgsql;

namespace Granary.Silo.Storage.Postgres;

/// <summary>Keeps the batches of a queue from overlapping: stored ones that a run covers go, and what the run does not cover of them is stored anew.</summary>
internal sealed class BatchOverlap(NpgsqlDataSource database, BatchReader reader)
{
    /// <summary>The runs to store, by ascending offsets; notes in <paramref name="replaced"/> which batches go.</summary>
    public async ValueTask<List<MessageRun>> ResolveAsync(
        PostgresQueue queue, List<MessageRun> runs, List<(PostgresQueue Queue, long First)> replaced, CancellationToken cancellation)
    {
        CheckOrder(runs);
        if (runs.Count == 0 || runs[0].First >= queue.StoredEnd)
        {
            return runs;
        }

        var end = Math.Min(runs[^1].End, queue.StoredEnd);
        var rest = new List<MessageRun>();
        var position = 0;
        foreach (var (first, last) in await ReadHeadsAsync(queue, runs[0].First, end, cancellation).ConfigureAwait(false))
        {
            while (position < runs.Count && runs[position].End <= first)
            {
                position++;
            }

            if (position < runs.Count && runs[position].First < last)
            {
                replaced.Add((queue, first));
                await AddRestAsync(queue, first, last, runs, position, rest, cancellation).ConfigureAwait(false);
            }
        }

        return rest.Count == 0 ? runs : [.. runs.Concat(rest).OrderBy(run => run.First)];
    }

    // What overlapped in one flush would be in the database twice, and could not be read any more.
    private static void CheckOrder(List<MessageRun> runs)
    {
        for (var i = 1; i < runs.Count; i++)
        {
            if (runs[i].First < runs[i - 1].End)
            {
                throw new InvalidOperationException($"A flush has the messages from {runs[i].First} to {runs[i - 1].End} twice.");
            }
        }
    }

    private async Task AddRestAsync(
        PostgresQueue queue, long from, long end, List<MessageRun> runs, int position, List<MessageRun> rest, CancellationToken cancellation)
    {
        for (; from < end; position++)
        {
            var gapEnd = position < runs.Count ? Math.Min(end, runs[position].First) : end;
            while (from < gapEnd && queue.Settled.TryFindUnsettled(from, gapEnd, out var first, out _))
            {
                var found = await reader.ReadAsync(queue.Id, queue.Settled, first, gapEnd, bytes: 1, cancellation).ConfigureAwait(false);
                rest.AddRange(found);
                from = found.Length == 0 ? gapEnd : found[^1].End;
            }

            from = position < runs.Count ? Math.Max(from, runs[position].End) : end;
        }
    }

    private async Task<List<(long First, long End)>> ReadHeadsAsync(PostgresQueue queue, long from, long end, CancellationToken cancellation)
    {
        await using var command = database.CreateCommand(SqlText.ReadOverlap);
        command.Parameters.Add(new NpgsqlParameter<long> { TypedValue = queue.Id });
        command.Parameters.Add(new NpgsqlParameter<long> { TypedValue = from });
        command.Parameters.Add(new NpgsqlParameter<long> { TypedValue = end });

        var heads = new List<(long, long)>();
        await using var rows = await command.ExecuteReaderAsync(cancellation).ConfigureAwait(false);
        while (await rows.ReadAsync(cancellation).ConfigureAwait(false))
        {
            var first = rows.GetInt64(0);
            heads.Add((first, first + rows.GetInt32(1)));
        }

        return heads;
    }
}
