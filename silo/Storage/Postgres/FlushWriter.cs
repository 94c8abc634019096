using Npgsql;
using NpgsqlTypes;

namespace Granary.Silo.Storage.Postgres;

/// <summary>Sends flushes: one round trip each, one transaction, whatever the size.</summary>
/// <remarks>
/// The server runs a part when all of it has arrived. So a process that is stopped while it sends a flush of one part holds no lock; with several parts it may,
/// until a take-over ends its connection.
/// </remarks>
internal sealed class FlushWriter(NpgsqlDataSource database)
{
    private const NpgsqlDbType Bigints = NpgsqlDbType.Array | NpgsqlDbType.Bigint;
    private const NpgsqlDbType Integers = NpgsqlDbType.Array | NpgsqlDbType.Integer;
    private const NpgsqlDbType Smallints = NpgsqlDbType.Array | NpgsqlDbType.Smallint;
    private const NpgsqlDbType Booleans = NpgsqlDbType.Array | NpgsqlDbType.Boolean;
    private const NpgsqlDbType Uuids = NpgsqlDbType.Array | NpgsqlDbType.Uuid;
    private const NpgsqlDbType Texts = NpgsqlDbType.Array | NpgsqlDbType.Text;
    private const NpgsqlDbType Byteas = NpgsqlDbType.Array | NpgsqlDbType.Bytea;

    // Names this store to the database, which remembers the last flush of each.
    private readonly Guid _id = Guid.NewGuid();

    public async Task RegisterAsync(CancellationToken cancellation)
    {
        await using var command = database.CreateCommand(SqlText.RegisterWriter);
        command.Parameters.Add(Value(_id, NpgsqlDbType.Uuid));
        await command.ExecuteNonQueryAsync(cancellation).ConfigureAwait(false);
    }

    /// <summary>Queues that are fenced, by id, and the ordinals of conflicting rows.</summary>
    public async ValueTask<(long[] Fenced, int[] Conflicts)> WriteAsync(EncodedFlush flush, CancellationToken cancellation)
    {
        await using var batch = database.CreateBatch();
        for (var part = 0; part < flush.Parts.Count; part++)
        {
            var command = new NpgsqlBatchCommand(SqlText.Flush);
            AddParameters(command.Parameters, flush, part);
            batch.BatchCommands.Add(command);
        }

        await using var reader = await batch.ExecuteReaderAsync(cancellation).ConfigureAwait(false);
        while (true)
        {
            await reader.ReadAsync(cancellation).ConfigureAwait(false);
            var (fenced, conflicts) = (reader.GetFieldValue<long[]>(0), reader.GetFieldValue<int[]>(1));
            if (!await reader.NextResultAsync(cancellation).ConfigureAwait(false))
            {
                return (fenced, conflicts);
            }
        }
    }

    // In the order of granary.flush's parameters.
    private void AddParameters(NpgsqlParameterCollection parameters, EncodedFlush flush, int part)
    {
        var queues = part == 0 ? flush.Queues : flush.Queues.Later();
        var batches = flush.Parts[part];
        parameters.Add(Value(_id, NpgsqlDbType.Uuid));
        parameters.Add(Value(flush.Number, NpgsqlDbType.Bigint));
        parameters.Add(Value(part, NpgsqlDbType.Integer));
        parameters.Add(Value(flush.Source.MustSync, NpgsqlDbType.Boolean));
        parameters.Add(Value(queues.CreatedIds, Bigints));
        parameters.Add(Value(queues.CreatedKeys, Texts));
        parameters.Add(Value(queues.CreatedIncarnations, Uuids));
        parameters.Add(Value(queues.Ids, Bigints));
        parameters.Add(Value(queues.Epochs, Bigints));
        parameters.Add(Value(queues.OffsetBounds, Bigints));
        parameters.Add(Value(queues.DeliveredBounds, Bigints));
        parameters.Add(Value(queues.Lows, Bigints));
        parameters.Add(Value(queues.Deletions, Booleans));
        parameters.Add(Value(queues.SettledQueues, Bigints));
        parameters.Add(Value(queues.SettledChunks, Bigints));
        parameters.Add(Value(queues.SettledBits, Byteas));
        parameters.Add(Value(queues.LinkQueues, Bigints));
        parameters.Add(Value(queues.LinkIds, Uuids));
        parameters.Add(Value(queues.LinkNumbers, Bigints));
        parameters.Add(Value(queues.ReplacedQueues, Bigints));
        parameters.Add(Value(queues.ReplacedFirsts, Bigints));
        parameters.Add(Value(queues.RowKinds, Texts));
        parameters.Add(Value(queues.RowKeys, Texts));
        parameters.Add(Value(queues.RowValues, Byteas));
        parameters.Add(Value(queues.RowVersions, Bigints));
        parameters.Add(Value(batches.Queues, Bigints));
        parameters.Add(Value(batches.Owners, Bigints));
        parameters.Add(Value(batches.Firsts, Bigints));
        parameters.Add(Value(batches.Pieces, Smallints));
        parameters.Add(Value(batches.Counts, Integers));
        parameters.Add(Value(batches.Sizes, Integers));
        parameters.Add(Value(batches.Flags, Smallints));
        parameters.Add(Value(batches.Dues, Bigints));
        parameters.Add(Value(batches.Shared, Bigints));
        parameters.Add(Value(batches.Bytes, Byteas));
    }

    private static NpgsqlParameter<T> Value<T>(T value, NpgsqlDbType type) => new() { TypedValue = value, NpgsqlDbType = type };
}
