using Npgsql;
using NpgsqlTypes;

namespace Granary.Silo.Storage.Postgres;

/// <summary>Sends flushes: one transaction each, and nearly always one round trip; one more for each part beyond the first, and for the commit of several.</summary>
/// <remarks>
/// The server runs a part when all of it has arrived. So a process that is stopped while it sends a flush of one part holds no lock; with several parts it may,
/// until a take-over ends its connection.
/// </remarks>
/// <param name="own">
/// Of its own connection, on which nothing is ever asynchronous: so the thread that waits for an answer is the one that gets it. Several commands at once are
/// not sent there: Npgsql writes them on another thread than the one that reads, and when the connection breaks the two may wait for each other for ever.
/// </param>
/// <param name="silo">See <see cref="PostgresOptions.Silo"/>.</param>
internal sealed class FlushWriter(NpgsqlDataSource database, NpgsqlDataSource own, string? silo) : IDisposable
{
    private const NpgsqlDbType Bigints = NpgsqlDbType.Array | NpgsqlDbType.Bigint;
    private const NpgsqlDbType Integers = NpgsqlDbType.Array | NpgsqlDbType.Integer;
    private const NpgsqlDbType Smallints = NpgsqlDbType.Array | NpgsqlDbType.Smallint;
    private const NpgsqlDbType Booleans = NpgsqlDbType.Array | NpgsqlDbType.Boolean;
    private const NpgsqlDbType Uuids = NpgsqlDbType.Array | NpgsqlDbType.Uuid;
    private const NpgsqlDbType Texts = NpgsqlDbType.Array | NpgsqlDbType.Text;
    private const NpgsqlDbType Byteas = NpgsqlDbType.Array | NpgsqlDbType.Bytea;

    private readonly Guid _id = Guid.NewGuid();

    // The last flush that the database has for good, by what it said.
    private long _synced;

    // Prepared, with their parameters, on a connection that they keep.
    private NpgsqlConnection? _connection;
    private NpgsqlCommand? _command;
    private NpgsqlCommand? _common;

    /// <summary>Names this store to the database, which remembers the last flush of each.</summary>
    public Guid Id => _id;

    public async Task RegisterAsync(CancellationToken cancellation)
    {
        await using var command = database.CreateCommand(SqlText.RegisterWriter);
        command.Parameters.Add(new NpgsqlParameter<Guid> { TypedValue = _id });
        command.Parameters.Add(new NpgsqlParameter<string?> { TypedValue = silo, NpgsqlDbType = NpgsqlDbType.Text });
        await command.ExecuteNonQueryAsync(cancellation).ConfigureAwait(false);
    }

    /// <summary>Queues that are fenced, by id, and the ordinals of conflicting rows, and of guarded ones among themselves. The calling thread waits.</summary>
    /// <exception cref="StoreLostException">The database has not what it said it had.</exception>
    /// <exception cref="StoreFencedException">It takes nothing of this process any more.</exception>
    public (long[] Fenced, int[] Conflicts, int[] Guarded) Write(EncodedFlush flush, CancellationToken cancellation)
    {
        var answer = FlushOneWriter.CanWrite(flush) ? WriteCommon(flush, cancellation) : WriteParts(flush, cancellation);
        if (flush.Source.MustSync)
        {
            _synced = flush.Number;
        }

        return answer;
    }

    public void Dispose()
    {
        Close();
        own.Dispose();
    }

    private (long[] Fenced, int[] Conflicts, int[] Guarded) WriteParts(EncodedFlush flush, CancellationToken cancellation)
    {
        try
        {
            if (flush.Parts.Count == 1)
            {
                return WritePart(flush, part: 0, cancellation);
            }

            // Its first command goes with the first part. Disposing of it is left to the connection's end: a lost one has no transaction any more.
            var transaction = Connect().BeginTransaction();
            var last = flush.Parts.Count - 1;
            for (var part = 0; part < last; part++)
            {
                WritePart(flush, part, cancellation);
            }

            // The last part answers for all.
            var answer = WritePart(flush, last, cancellation);
            transaction.Commit();
            return answer;
        }
        catch
        {
            Close();
            throw;
        }
    }

    private (long[] Fenced, int[] Conflicts, int[] Guarded) WritePart(EncodedFlush flush, int part, CancellationToken cancellation)
    {
        var command = _command ??= new NpgsqlCommand(SqlText.Flush, Connect());
        var isNew = command.Parameters.Count == 0;
        SetParameters(command.Parameters, flush, part);
        if (isNew)
        {
            command.Prepare();
        }

        return Execute(
            command,
            static command =>
            {
                using var reader = command.ExecuteReader();
                reader.Read();
                return (reader.GetFieldValue<long[]>(0), reader.GetFieldValue<int[]>(1), reader.GetFieldValue<int[]>(2));
            },
            cancellation);
    }

    private (long[] Fenced, int[] Conflicts, int[] Guarded) WriteCommon(EncodedFlush flush, CancellationToken cancellation)
    {
        try
        {
            var isNew = _common is null;
            var command = _common ??= FlushOneWriter.CreateCommand(Connect());
            FlushOneWriter.SetValues(command.Parameters, _id, flush);
            if (isNew)
            {
                command.Prepare();
            }

            var isWritten = Execute(command, static command => command.ExecuteScalar() is true, cancellation);
            return (isWritten ? [] : [flush.Queues.Ids[0]], [], []);
        }
        catch
        {
            Close();
            throw;
        }
    }

    private T Execute<T>(NpgsqlCommand command, Func<NpgsqlCommand, T> execute, CancellationToken cancellation)
    {
        using (cancellation.UnsafeRegister(static command => ((NpgsqlCommand)command!).Cancel(), command))
        {
            cancellation.ThrowIfCancellationRequested();
            try
            {
                return execute(command);
            }
            catch (PostgresException e) when (e.SqlState == PostgresErrorCodes.NoDataFound)
            {
                // What is not found is the writer.
                throw NoWriter(e);
            }
            catch (NpgsqlException e) when (cancellation.IsCancellationRequested)
            {
                throw new OperationCanceledException("The flush was given up.", e, cancellation);
            }
        }
    }

    private NpgsqlConnection Connect()
    {
        if (_connection is null)
        {
            _connection = own.OpenConnection();
            CheckNothingIsLost(_connection);
        }

        return _connection;
    }

    // The far side of a new connection may be a standby that was promoted without all that was confirmed, or a backup.
    private void CheckNothingIsLost(NpgsqlConnection connection)
    {
        using var command = new NpgsqlCommand(SqlText.ReadWriter, connection);
        command.Parameters.Add(new NpgsqlParameter<Guid> { TypedValue = _id });
        if (command.ExecuteScalar() is not long known)
        {
            throw NoWriter();
        }

        if (known < _synced)
        {
            throw Lost(known);
        }
    }

    private Exception NoWriter(Exception? cause = null) => silo is not null ? new StoreFencedException(cause) : Lost(0);

    private StoreLostException Lost(long known) => new(
        $"PostgreSQL has lost what it had confirmed: flush {_synced} of this process was synced, and the database knows {known}. "
        + "A standby was promoted that had not received everything, for replication is not synchronous, or a backup was restored. "
        + "Nothing more is written here, so that nothing is confirmed on top of what is missing; a restart goes on with what there is, and gives no offset twice.");

    private void Close()
    {
        _command?.Dispose();
        _common?.Dispose();
        _connection?.Dispose();
        (_connection, _command, _common) = (null, null, null);
    }

    // In the order of granary.flush's parameters.
    private void SetParameters(NpgsqlParameterCollection parameters, EncodedFlush flush, int part)
    {
        var queues = part == 0 ? flush.Queues : flush.Queues.Later();
        var batches = flush.Parts[part];
        var index = 0;
        Set(parameters, index++, _id, NpgsqlDbType.Uuid);
        Set(parameters, index++, flush.Number, NpgsqlDbType.Bigint);
        Set(parameters, index++, part, NpgsqlDbType.Integer);
        Set(parameters, index++, flush.Source.MustSync, NpgsqlDbType.Boolean);
        Set(parameters, index++, queues.CreatedIds, Bigints);
        Set(parameters, index++, queues.CreatedKeys, Texts);
        Set(parameters, index++, queues.CreatedIncarnations, Uuids);
        Set(parameters, index++, queues.Ids, Bigints);
        Set(parameters, index++, queues.Epochs, Bigints);
        Set(parameters, index++, queues.OffsetBounds, Bigints);
        Set(parameters, index++, queues.DeliveredBounds, Bigints);
        Set(parameters, index++, queues.Lows, Bigints);
        Set(parameters, index++, queues.Deletions, Booleans);
        Set(parameters, index++, queues.SettledQueues, Bigints);
        Set(parameters, index++, queues.SettledChunks, Bigints);
        Set(parameters, index++, queues.SettledBits, Byteas);
        Set(parameters, index++, queues.LinkQueues, Bigints);
        Set(parameters, index++, queues.SessionIds, Uuids);
        Set(parameters, index++, queues.LinkNumbers, Bigints);
        Set(parameters, index++, queues.ReplacedQueues, Bigints);
        Set(parameters, index++, queues.ReplacedFirsts, Bigints);
        SetRows(parameters, ref index, queues.Rows);
        Set(parameters, index++, batches.Queues, Bigints);
        Set(parameters, index++, batches.Owners, Bigints);
        Set(parameters, index++, batches.Firsts, Bigints);
        Set(parameters, index++, batches.Pieces, Smallints);
        Set(parameters, index++, batches.Counts, Integers);
        Set(parameters, index++, batches.Sizes, Integers);
        Set(parameters, index++, batches.Bodies, Integers);
        Set(parameters, index++, batches.Flags, Smallints);
        Set(parameters, index++, batches.Dues, Bigints);
        Set(parameters, index++, batches.Shared, Bigints);
        Set(parameters, index++, batches.Bytes, Byteas);

        // What another activation of this process has is left out before the database is asked.
        SetRows(parameters, ref index, part == flush.Parts.Count - 1 && flush.Superseded.Count == 0 ? flush.Queues.Guarded : new RowColumns());
    }

    private static void SetRows(NpgsqlParameterCollection parameters, ref int index, RowColumns rows)
    {
        Set(parameters, index++, rows.Kinds, Texts);
        Set(parameters, index++, rows.Keys, Texts);
        Set(parameters, index++, rows.Values, Byteas);
        Set(parameters, index++, rows.Versions, Bigints);
    }

    private static void Set<T>(NpgsqlParameterCollection parameters, int index, T value, NpgsqlDbType type)
    {
        if (index == parameters.Count)
        {
            parameters.Add(new NpgsqlParameter<T> { TypedValue = value, NpgsqlDbType = type });
        }
        else
        {
            ((NpgsqlParameter<T>)parameters[index]).TypedValue = value;
        }
    }
}
