using System.Runtime.ExceptionServices;
using Granary.Core.Links;
using Granary.Silo.Queues.Messages;
using Microsoft.Extensions.Logging;
using Npgsql;

namespace Granary.Silo.Storage.Postgres;

/// <summary>Messages and rows in PostgreSQL, for any number of silos. What is written together is one call of a function in the database.</summary>
internal sealed class PostgresStore : IMessageStore
{
    private readonly PostgresOptions _options;
    private readonly NpgsqlDataSource _database;
    private readonly NpgsqlDataSource _flushDatabase;
    private readonly SemaphoreSlim _readers;
    private readonly FlushEncoder _encoder;
    private readonly FlushWriter _writer;
    private readonly BatchReader _batches;
    private readonly RowReader _rows;
    private readonly LockedCall _locked;
    private readonly TakeOver _takeOver;
    private readonly RingTidier _ring;
    private readonly UnsyncedQueues _unsynced = new();
    private EncodedFlush? _unanswered;
    private long _lastNumber;

    /// <exception cref="StoreException">The connection string is not valid.</exception>
    public PostgresStore(PostgresOptions options, TimeProvider time, ILogger<PostgresStore> logger)
    {
        _options = options;
        var server = new ServerGeneration(logger);
        _database = DatabaseConnections.Create(options, server);
        _readers = new SemaphoreSlim(options.ReadConnections);
        var ids = new QueueIds(_database);
        _encoder = new FlushEncoder(_database, ids);
        _flushDatabase = DatabaseConnections.CreateForFlushes(options, server);
        _writer = new FlushWriter(_database, _flushDatabase, options.Silo);
        _batches = new BatchReader(_database);
        _rows = new RowReader(_database);
        _locked = new LockedCall(_database, options.LockPatience, time);
        _takeOver = new TakeOver(_database, ids, _batches, _locked, options.Silo is null ? null : _writer.Id);
        _ring = new RingTidier(_database, options, logger);
    }

    public async Task OpenAsync(CancellationToken cancellation)
    {
        await RunAsync(async () =>
        {
            _locked.IsBehindPool = await Schema.PrepareAsync(_options, ConnectionBudget.OfSilo(_options), cancellation).ConfigureAwait(false);
            await _writer.RegisterAsync(cancellation).ConfigureAwait(false);
            return true;
        }).ConfigureAwait(false);
        _ring.Start();
    }

    public StoredQueue Create(QueueIdentity identity, long epoch) => new PostgresQueue(identity, epoch);

    public async Task<StoredQueue> TakeOverAsync(QueueIdentity identity, long atLeast, CancellationToken cancellation) =>
        await ReadAsync(() => _takeOver.RunAsync(identity, atLeast, cancellation), cancellation).ConfigureAwait(false);

    /// <summary>The calling thread waits: it is the store's, and is there for that. Another one that heard of the answer would have to wake it.</summary>
    public ValueTask<FlushResult> FlushAsync(Flush flush, CancellationToken cancellation)
    {
        if (flush.IsEmpty)
        {
            return ValueTask.FromResult(FlushResult.Complete);
        }

        return ValueTask.FromResult(WriteOrFail(flush, cancellation));
    }

    /// <summary>Writes again what a crash of the database may have taken, and has it sync what it was not asked to.</summary>
    public ValueTask<bool> TidyAsync(CancellationToken cancellation)
    {
        if (_unsynced.NeedsFlush)
        {
            WriteOrFail(new Flush { MustSync = true }, cancellation);
        }

        return ValueTask.FromResult(false);
    }

    public async ValueTask<MessageRun[]> ReadAsync(StoredQueue queue, long from, long end, int bytes, CancellationToken cancellation)
    {
        var stored = (PostgresQueue)queue;
        return from >= Math.Min(end, stored.StoredEnd)
            ? []
            : await ReadAsync(() => _batches.ReadAsync(stored.Id, stored.Settled, from, end, bytes, cancellation), cancellation).ConfigureAwait(false);
    }

    public async ValueTask<MessageRun[]> ReadAsync(StoredQueue queue, IReadOnlyList<OffsetRange> ranges, int bytes, CancellationToken cancellation)
    {
        var stored = (PostgresQueue)queue;
        return await ReadAsync(() => _batches.ReadAsync(stored.Id, stored.Settled, ranges, bytes, cancellation), cancellation).ConfigureAwait(false);
    }

    public Task<IReadOnlyList<(QueueIdentity Queue, long Messages)>> CountMessagesAsync(CancellationToken cancellation) =>
        ReadAsync(() => _batches.CountMessagesAsync(cancellation), cancellation);

    public Task<Row?> ReadRowAsync(RowKey key, CancellationToken cancellation) =>
        ReadFencedAsync(() => _rows.ReadAsync(key, cancellation), cancellation);

    public Task<IReadOnlyList<Row>> ReadRowsAsync(string table, CancellationToken cancellation) =>
        ReadFencedAsync(() => _rows.ReadAllAsync(table, cancellation), cancellation);

    public Task<IReadOnlyList<Row>> ReadTablesAsync(string prefix, CancellationToken cancellation) =>
        ReadAsync(() => _rows.ReadTablesAsync(prefix, cancellation), cancellation);

    public async ValueTask DisposeAsync()
    {
        await _ring.DisposeAsync().ConfigureAwait(false);
        _writer.Dispose();
        await _database.DisposeAsync().ConfigureAwait(false);
        _readers.Dispose();
    }

    private FlushResult WriteOrFail(Flush flush, CancellationToken cancellation)
    {
        try
        {
            return Write(flush, cancellation);
        }
        catch (Exception e) when (PostgresFailure.Of(e) is { } failure)
        {
            _unsynced.NoteFailure();
            Throw(e, failure);
            throw;
        }
    }

    private FlushResult Write(Flush flush, CancellationToken cancellation)
    {
        if (_unanswered?.Source != flush)
        {
            _unanswered = null;
            var encoding = _encoder.EncodeAsync(flush, _unsynced.TakeLost(), _lastNumber + 1, cancellation);
            _unanswered = encoding.IsCompleted ? encoding.Result : encoding.AsTask().GetAwaiter().GetResult();
        }

        var encoded = _unanswered;
        var (fenced, conflicts, guarded) = _writer.Write(encoded, cancellation);
        _lastNumber = encoded.Number;
        _unsynced.NoteWritten(flush);
        _unanswered = null;
        _ring.OnFlushed(encoded.Parts.Sum(part => part.Length));
        if (fenced.Length == 0 && conflicts.Length == 0 && guarded.Length == 0 && encoded.Superseded.Count == 0)
        {
            return FlushResult.Complete;
        }

        var leftOut = flush.Queues.Select(changes => changes.Queue).Where(queue => fenced.Contains(((PostgresQueue)queue).Id));
        var rows = encoded.Queues;
        var unguarded = encoded.Superseded.Count > 0 ? Enumerable.Range(0, rows.Guarded.Count) : guarded;
        return new FlushResult(
            [.. encoded.Superseded.Union(leftOut)], [.. conflicts.Select(ordinal => rows.Rows[ordinal]), .. unguarded.Select(ordinal => rows.Guarded[ordinal])]);
    }

    /// <summary>Silos that were declared dead by now change nothing of what is read: others may have taken over what the rows are about.</summary>
    private Task<T> ReadFencedAsync<T>(Func<Task<T>> read, CancellationToken cancellation) => ReadAsync(
        async () =>
        {
            if (_options.Silo is not null)
            {
                await FenceLostAsync(cancellation).ConfigureAwait(false);
            }

            return await read().ConfigureAwait(false);
        },
        cancellation);

    private async Task FenceLostAsync(CancellationToken cancellation)
    {
        try
        {
            await TryFenceLostAsync(cancellation).ConfigureAwait(false);
        }
        catch (PostgresException e) when (e.SqlState == PostgresErrorCodes.AdminShutdown)
        {
            // Somebody who waits for the same lock may have taken this call for who holds it.
            await TryFenceLostAsync(cancellation).ConfigureAwait(false);
        }
    }

    private async Task TryFenceLostAsync(CancellationToken cancellation)
    {
        await using var connection = await _database.OpenConnectionAsync(cancellation).ConfigureAwait(false);
        await using var command = new NpgsqlCommand(SqlText.FenceLost, connection);
        await _locked.RunAsync(connection, command.ExecuteNonQueryAsync, cancellation).ConfigureAwait(false);
    }

    private async Task<T> ReadAsync<T>(Func<Task<T>> read, CancellationToken cancellation)
    {
        await _readers.WaitAsync(cancellation).ConfigureAwait(false);
        try
        {
            return await RunAsync(read).ConfigureAwait(false);
        }
        finally
        {
            _readers.Release();
        }
    }

    private async Task<T> RunAsync<T>(Func<Task<T>> call)
    {
        try
        {
            return await call().ConfigureAwait(false);
        }
        catch (Exception e) when (PostgresFailure.Of(e) is { } failure)
        {
            Throw(e, failure);
            throw;
        }
    }

    private void Throw(Exception cause, Exception failure)
    {
        if (cause is not PostgresException { SqlState: not (PostgresErrorCodes.AdminShutdown or PostgresErrorCodes.CrashShutdown) })
        {
            // What broke one connection has broken the idle ones, too.
            _database.Clear();
            _flushDatabase.Clear();
        }

        ExceptionDispatchInfo.Throw(failure);
    }
}
