using Microsoft.Extensions.Logging;
using Npgsql;
using NpgsqlTypes;

namespace Granary.Silo.Storage.Postgres;

/// <summary>Keeps the ring of batch partitions small beside the writing, and deletes what streams no longer keep: a step whenever much was written, and all there is to do when nothing is.</summary>
internal sealed partial class RingTidier(NpgsqlDataSource database, PostgresOptions options, ILogger logger) : IAsyncDisposable
{
    // Batches moved out of a sparse partition in one step: their queues cannot be written to meanwhile.
    private const int StepBatches = 256;

    // Of each stream in one step.
    private const int StepRows = 4_096;

    private readonly SemaphoreSlim _wake = new(initialCount: 0);
    private readonly CancellationTokenSource _stop = new();
    private readonly long _stepBytes = Math.Min(32 << 20, options.PartitionBytes / 4);
    private Task _loop = Task.CompletedTask;
    private long _written;
    private long _flushes;

    public void Start() => _loop = TidyLoopAsync();

    /// <summary>A flush with so many bytes of messages was written. For one caller at a time.</summary>
    public void OnFlushed(long bytes)
    {
        Interlocked.Increment(ref _flushes);
        _written += bytes;
        if (_written >= _stepBytes)
        {
            _written = 0;
            _wake.Release();
        }
    }

    public async ValueTask DisposeAsync()
    {
        await _stop.CancelAsync().ConfigureAwait(false);
        await _loop.ConfigureAwait(false);
        _stop.Dispose();
        _wake.Dispose();
    }

    private async Task TidyLoopAsync()
    {
        var (tidied, seen) = (-1L, 0L);
        while (!_stop.IsCancellationRequested)
        {
            try
            {
                var isWoken = await _wake.WaitAsync(options.IdleTime, _stop.Token).ConfigureAwait(false);
                var flushes = Interlocked.Read(ref _flushes);
                var isIdle = !isWoken && flushes == seen;
                seen = flushes;
                if (isWoken || (isIdle && tidied != flushes))
                {
                    var didSomething = await TidyStreamsAsync(_stop.Token).ConfigureAwait(false);
                    while (await TidyAsync(isIdle, _stop.Token).ConfigureAwait(false))
                    {
                        didSomething = true;
                    }

                    // What was moved may have left something to do behind it, so only a look that finds nothing is the last.
                    tidied = isIdle && !didSomething ? flushes : tidied;
                }
            }
            catch (OperationCanceledException) when (_stop.IsCancellationRequested)
            {
                return;
            }
            catch (Exception e) when (PostgresFailure.Of(e) is not null)
            {
                LogPutOff(e);
            }
        }
    }

    private async Task<bool> TidyAsync(bool isIdle, CancellationToken cancellation)
    {
        await using var command = database.CreateCommand(SqlText.TidyRing);
        command.Parameters.Add(new NpgsqlParameter<long> { TypedValue = options.PartitionBytes });
        command.Parameters.Add(new NpgsqlParameter<int> { TypedValue = StepBatches, NpgsqlDbType = NpgsqlDbType.Integer });
        command.Parameters.Add(new NpgsqlParameter<bool> { TypedValue = isIdle });
        return await command.ExecuteScalarAsync(cancellation).ConfigureAwait(false) is true;
    }

    private async Task<bool> TidyStreamsAsync(CancellationToken cancellation)
    {
        await using var command = database.CreateCommand(SqlText.TidyStreams);
        command.Parameters.Add(new NpgsqlParameter<int> { TypedValue = StepRows, NpgsqlDbType = NpgsqlDbType.Integer });
        var didSomething = false;
        while (await command.ExecuteScalarAsync(cancellation).ConfigureAwait(false) is true)
        {
            didSomething = true;
        }

        return didSomething;
    }

    [LoggerMessage(3341, LogLevel.Debug, "Disk space in PostgreSQL is given back later.")]
    private partial void LogPutOff(Exception exception);
}
