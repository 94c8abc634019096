using Granary.Silo.Queues.Messages;
using Npgsql;
using NpgsqlTypes;

namespace Granary.Silo.Storage.Postgres;

/// <summary>Reads batches back, in order and without what is settled.</summary>
internal sealed class BatchReader(NpgsqlDataSource database)
{
    /// <summary>As <see cref="IMessageStore.ReadAsync"/>.</summary>
    public async Task<MessageRun[]> ReadAsync(
        long queue, SettledOffsets settled, long from, long end, int bytes, CancellationToken cancellation)
    {
        var runs = new List<MessageRun>();
        from = Math.Max(from, settled.Low);
        while (from < end && runs.Count == 0)
        {
            var batches = await ReadBatchesAsync(queue, from, end, bytes, cancellation).ConfigureAwait(false);
            if (batches.Count == 0)
            {
                break;
            }

            foreach (var batch in batches)
            {
                batch.AddUnsettled(settled, from, end, runs);
            }

            from = batches[^1].End;
        }

        return [.. runs];
    }

    private async Task<List<StoredBatch>> ReadBatchesAsync(long queue, long from, long end, int bytes, CancellationToken cancellation)
    {
        await using var command = database.CreateCommand(SqlText.ReadBatches);
        command.Parameters.Add(new NpgsqlParameter<long> { TypedValue = queue });
        command.Parameters.Add(new NpgsqlParameter<long> { TypedValue = from });
        command.Parameters.Add(new NpgsqlParameter<long> { TypedValue = end });
        command.Parameters.Add(new NpgsqlParameter<int> { TypedValue = bytes, NpgsqlDbType = NpgsqlDbType.Integer });

        var batches = new List<StoredBatch>();
        await using var reader = await command.ExecuteReaderAsync(cancellation).ConfigureAwait(false);
        while (await reader.ReadAsync(cancellation).ConfigureAwait(false))
        {
            batches.Add(await ReadBatchAsync(reader, cancellation).ConfigureAwait(false));
        }

        return batches;
    }

    // The reader is at the batch's first piece, and is left at its last.
    private static async ValueTask<StoredBatch> ReadBatchAsync(NpgsqlDataReader reader, CancellationToken cancellation)
    {
        var records = GC.AllocateUninitializedArray<byte>(reader.GetInt32(2));
        var batch = new StoredBatch(reader.GetInt64(0), reader.GetInt32(1), reader.GetInt16(3), reader.GetInt64(4), records);
        var length = 0;
        while (true)
        {
            length += (int)reader.GetBytes(5, 0, records, length, records.Length - length);
            if (length == records.Length)
            {
                return batch;
            }

            if (!await reader.ReadAsync(cancellation).ConfigureAwait(false) || reader.GetInt64(0) != batch.First)
            {
                throw new StoreException($"Of the {records.Length} bytes of the batch at offset {batch.First}, {records.Length - length} are missing.");
            }
        }
    }

    /// <inheritdoc cref="IMessageStore.CountMessagesAsync"/>
    public async Task<IReadOnlyList<(QueueIdentity Queue, long Messages)>> CountMessagesAsync(CancellationToken cancellation)
    {
        await using var command = database.CreateCommand(SqlText.CountMessages);
        command.Parameters.Add(new NpgsqlParameter<short> { TypedValue = (short)Core.Messages.MessageFlags.Persistent });
        var counts = new List<(QueueIdentity Queue, long Messages)>();
        await using var row = await command.ExecuteReaderAsync(cancellation).ConfigureAwait(false);
        while (await row.ReadAsync(cancellation).ConfigureAwait(false))
        {
            counts.Add((new QueueIdentity(TextColumn.Decode(row.GetString(0)), row.GetGuid(1)), row.GetInt64(2)));
        }

        return counts;
    }
}
