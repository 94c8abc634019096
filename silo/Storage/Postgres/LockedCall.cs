using Npgsql;
using NpgsqlTypes;

namespace Granary.Silo.Storage.Postgres;

/// <summary>A call that waits for a lock which a stopped process, or one that is cut off, may hold: the connection of who holds it for too long is ended.</summary>
/// <param name="patience">How long a call waits before.</param>
internal sealed class LockedCall(NpgsqlDataSource database, TimeSpan patience, TimeProvider time)
{
    private static readonly TimeSpan AgainAfter = TimeSpan.FromMilliseconds(50);

    /// <summary>What a connection was told that it is called at the server is not true.</summary>
    public bool IsBehindPool { get; set; }

    /// <param name="connection">That of the call.</param>
    public async Task<T> RunAsync<T>(NpgsqlConnection connection, Func<CancellationToken, Task<T>> call, CancellationToken cancellation)
    {
        using var giveUp = CancellationTokenSource.CreateLinkedTokenSource(cancellation);
        var backend = IsBehindPool ? await AskBackendAsync(connection, cancellation).ConfigureAwait(false) : connection.ProcessID;
        var running = call(giveUp.Token);
        await Task.WhenAny(running, Task.Delay(patience, time, giveUp.Token)).ConfigureAwait(false);
        try
        {
            while (!running.IsCompleted)
            {
                await EndBlockersAsync(backend, cancellation).ConfigureAwait(false);
                await Task.WhenAny(running, Task.Delay(AgainAfter, time, giveUp.Token)).ConfigureAwait(false);
            }
        }
        catch
        {
            await giveUp.CancelAsync().ConfigureAwait(false);
            await Task.WhenAny(running).ConfigureAwait(false);
            throw;
        }

        await giveUp.CancelAsync().ConfigureAwait(false);
        return await running.ConfigureAwait(false);
    }

    private static async Task<int> AskBackendAsync(NpgsqlConnection connection, CancellationToken cancellation)
    {
        await using var command = new NpgsqlCommand("select pg_backend_pid()", connection);
        return (int)(await command.ExecuteScalarAsync(cancellation).ConfigureAwait(false))!;
    }

    private async Task EndBlockersAsync(int processId, CancellationToken cancellation)
    {
        await using var command = database.CreateCommand(SqlText.EndBlockers);
        command.Parameters.Add(new NpgsqlParameter<int> { TypedValue = processId, NpgsqlDbType = NpgsqlDbType.Integer });
        await command.ExecuteScalarAsync(cancellation).ConfigureAwait(false);
    }
}
