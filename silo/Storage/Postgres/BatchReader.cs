using Granary.Core.Links;
using Granary.Silo.Queues.Messages;
using Npgsql;
using NpgsqlTypes;

namespace Granary.Silo.Storage.Postgres;

/// <summary>Reads batches back, in order and without what is settled.</summary>
internal sealed class BatchReader(NpgsqlDataSource database)
{
    /// <summary>As <see cref="IMessageStore.ReadAsync(StoredQueue, long, long, int, CancellationToken)"/>.</summary>
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

    /// <summary>As <see cref="IMessageStore.ReadAsync(StoredQueue, IReadOnlyList{OffsetRange}, int, CancellationToken)"/>.</summary>
    public async Task<MessageRun[]> ReadAsync(
        long queue, SettledOffsets settled, IReadOnlyList<OffsetRange> ranges, int bytes, CancellationToken cancellation)
    {
        var runs = new List<MessageRun>();
        var left = ranges.ToList();
        while (left.Count > 0 && runs.Count == 0)
        {
            var (place, end) = await ReadBatchesAsync(queue, settled, left, bytes, runs, cancellation).ConfigureAwait(false);
            if (place < 0)
            {
                break;
            }

            // All of it may be settled.
            left.RemoveRange(0, place);
            left[0] = new OffsetRange(end, (int)Math.Max(0, left[0].End - end));
            left.RemoveRange(0, left[0].Count == 0 ? 1 : 0);
        }

        return [.. runs];
    }

    /// <returns>In which range the last batch is that was read, below 0 if there was none, and where it ends.</returns>
    private async Task<(int Place, long End)> ReadBatchesAsync(
        long queue, SettledOffsets settled, List<OffsetRange> ranges, int bytes, List<MessageRun> runs, CancellationToken cancellation)
    {
        await using var command = database.CreateCommand(SqlText.ReadRanges);
        command.Parameters.Add(new NpgsqlParameter<long> { TypedValue = queue });
        command.Parameters.Add(new NpgsqlParameter<long[]> { TypedValue = [.. ranges.Select(static range => range.First)] });
        command.Parameters.Add(new NpgsqlParameter<long[]> { TypedValue = [.. ranges.Select(static range => range.End)] });
        command.Parameters.Add(new NpgsqlParameter<int> { TypedValue = bytes, NpgsqlDbType = NpgsqlDbType.Integer });

        var (place, end) = (-1, 0L);
        await using var reader = await command.ExecuteReaderAsync(cancellation).ConfigureAwait(false);
        while (await reader.ReadAsync(cancellation).ConfigureAwait(false))
        {
            place = (int)reader.GetInt64(6) - 1;
            var batch = await ReadBatchAsync(reader, cancellation).ConfigureAwait(false);
            batch.AddUnsettled(settled, Math.Max(ranges[place].First, settled.Low), ranges[place].End, runs);
            end = batch.End;
        }

        return (place, end);
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
