using Granary.Core.Links;
using Npgsql;
using NpgsqlTypes;

namespace Granary.Silo.Storage.Postgres;

/// <summary>Takes queues over: raises the epoch, whoever holds the queue, and finds out what there is of it.</summary>
/// <param name="writer">Without which nothing is taken over; null: nobody can have deleted it.</param>
internal sealed class TakeOver(NpgsqlDataSource database, QueueIds ids, BatchReader reader, LockedCall locked, Guid? writer)
{
    /// <exception cref="StoreFencedException">The other members of the cluster have declared this process dead.</exception>
    public async Task<PostgresQueue> RunAsync(QueueIdentity identity, long atLeast, CancellationToken cancellation)
    {
        await using var connection = await database.OpenConnectionAsync(cancellation).ConfigureAwait(false);
        var state = await RaiseEpochAsync(connection, identity, atLeast, cancellation).ConfigureAwait(false);

        // All that earlier activations ever wrote is there from now on.
        var scan = new BacklogScan(state.Low, identity);
        var links = await ReadStateAsync(connection, state.Id, scan, cancellation).ConfigureAwait(false);
        scan.End(identity.IsStream ? 0 : state.OffsetBound);
        foreach (var (from, end) in scan.Unclear)
        {
            scan.BeginUnclear();
            await CountAsync(state.Id, scan, from, end, cancellation).ConfigureAwait(false);
        }

        return new PostgresQueue(identity, state.Epoch)
        {
            Id = state.Id,
            StoredEnd = scan.StoredEnd,
            Settled = scan.Settled,
            Backlog = scan.ToBacklog(state.DeliveredBound, links),
        };
    }

    private async Task<QueueState> RaiseEpochAsync(NpgsqlConnection connection, QueueIdentity identity, long atLeast, CancellationToken cancellation)
    {
        var id = await ids.TakeAsync(cancellation).ConfigureAwait(false);
        return await locked.RunAsync(connection, ended => RaiseAsync(connection, identity, atLeast, id, ended), cancellation).ConfigureAwait(false);
    }

    private async Task<QueueState> RaiseAsync(
        NpgsqlConnection connection, QueueIdentity identity, long atLeast, long id, CancellationToken cancellation)
    {
        await using var command = new NpgsqlCommand(SqlText.TakeOver, connection);
        command.Parameters.Add(new NpgsqlParameter<string> { TypedValue = TextColumn.Encode(identity.Key) });
        command.Parameters.Add(new NpgsqlParameter<Guid> { TypedValue = identity.Incarnation });
        command.Parameters.Add(new NpgsqlParameter<long> { TypedValue = atLeast });
        command.Parameters.Add(new NpgsqlParameter<long> { TypedValue = id });
        command.Parameters.Add(new NpgsqlParameter { Value = writer ?? (object)DBNull.Value, NpgsqlDbType = NpgsqlDbType.Uuid });
        await using var row = await command.ExecuteReaderAsync(cancellation).ConfigureAwait(false);
        if (!await row.ReadAsync(cancellation).ConfigureAwait(false))
        {
            // The queue is another silo's, or is about to be.
            throw new StoreFencedException();
        }

        return new QueueState(row.GetInt64(0), row.GetInt64(1), row.GetInt64(2), row.GetInt64(3), row.GetInt64(4));
    }

    // One round trip: what is settled, the links, and all batches without their bytes.
    private static async Task<List<PublishProgress>> ReadStateAsync(NpgsqlConnection connection, long id, BacklogScan scan, CancellationToken cancellation)
    {
        await using var batch = new NpgsqlBatch(connection);
        foreach (var sql in (ReadOnlySpan<string>)[SqlText.ReadSettled, SqlText.ReadLinks, SqlText.ReadHeads])
        {
            var command = new NpgsqlBatchCommand(sql);
            command.Parameters.Add(new NpgsqlParameter<long> { TypedValue = id });
            batch.BatchCommands.Add(command);
        }

        await using var rows = await batch.ExecuteReaderAsync(cancellation).ConfigureAwait(false);
        while (await rows.ReadAsync(cancellation).ConfigureAwait(false))
        {
            scan.Settled.Load(rows.GetInt64(0), rows.GetFieldValue<byte[]>(1));
        }

        var links = new List<PublishProgress>();
        await rows.NextResultAsync(cancellation).ConfigureAwait(false);
        while (await rows.ReadAsync(cancellation).ConfigureAwait(false))
        {
            links.Add(new PublishProgress(new SessionId(rows.GetGuid(0)), rows.GetInt64(1)));
        }

        await rows.NextResultAsync(cancellation).ConfigureAwait(false);
        while (await rows.ReadAsync(cancellation).ConfigureAwait(false))
        {
            scan.Add(rows.GetInt64(0), rows.GetInt32(1), rows.GetInt32(2), rows.GetInt32(3), rows.GetInt16(4), rows.GetInt64(5));
        }

        return links;
    }

    private async Task CountAsync(long id, BacklogScan scan, long from, long end, CancellationToken cancellation)
    {
        while (from < end)
        {
            var runs = await reader.ReadAsync(id, scan.Settled, from, end, bytes: 1 << 20, cancellation).ConfigureAwait(false);
            foreach (var run in runs)
            {
                scan.Count(run);
            }

            from = runs.Length == 0 ? end : runs[^1].End;
        }
    }

    private readonly record struct QueueState(long Id, long Epoch, long OffsetBound, long DeliveredBound, long Low);
}
