using Npgsql;
using NpgsqlTypes;

namespace Granary.Silo.Storage.Postgres;

/// <summary>A call that waits for a lock which a stopped process, or one that is cut off, may hold: the connection of who holds it for too long is ended.</summary>
/// <remarks>
/// Several calls may wait for one lock, and who has just got it is in the way of the others, too. So only a transaction is ended that was in the way all through the second half of
/// the patience: a call looks from the middle of its patience on.
/// </remarks>
/// <param name="patience">How long a call waits before, at the least.</param>
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
        await Task.WhenAny(running, Task.Delay(patience / 2, time, giveUp.Token)).ConfigureAwait(false);
        try
        {
            var inTheWay = new Dictionary<Blocker, long>();
            while (!running.IsCompleted)
            {
                await EndBlockersAsync(backend, inTheWay, cancellation).ConfigureAwait(false);
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

    /// <param name="inTheWay">Since when each is in the way: brought up to date.</param>
    private async Task EndBlockersAsync(int backend, Dictionary<Blocker, long> inTheWay, CancellationToken cancellation)
    {
        var found = await FindBlockersAsync(backend, cancellation).ConfigureAwait(false);
        foreach (var gone in inTheWay.Keys.Except(found).ToList())
        {
            inTheWay.Remove(gone);
        }

        var now = time.GetTimestamp();
        foreach (var blocker in found.Where(blocker => !inTheWay.TryAdd(blocker, now) && time.GetElapsedTime(inTheWay[blocker], now) >= patience / 2))
        {
            await using var command = database.CreateCommand(SqlText.EndBlocker);
            command.Parameters.Add(new NpgsqlParameter<int> { TypedValue = blocker.Backend, NpgsqlDbType = NpgsqlDbType.Integer });
            command.Parameters.Add(new NpgsqlParameter<DateTime> { TypedValue = blocker.Began, NpgsqlDbType = NpgsqlDbType.TimestampTz });
            await command.ExecuteScalarAsync(cancellation).ConfigureAwait(false);
        }
    }

    private async Task<HashSet<Blocker>> FindBlockersAsync(int backend, CancellationToken cancellation)
    {
        await using var command = database.CreateCommand(SqlText.FindBlockers);
        command.Parameters.Add(new NpgsqlParameter<int> { TypedValue = backend, NpgsqlDbType = NpgsqlDbType.Integer });
        await using var reader = await command.ExecuteReaderAsync(cancellation).ConfigureAwait(false);
        HashSet<Blocker> found = [];
        while (await reader.ReadAsync(cancellation).ConfigureAwait(false))
        {
            found.Add(new Blocker(reader.GetInt32(0), reader.GetFieldValue<DateTime>(1)));
        }

        return found;
    }

    /// <param name="Backend">The process id at the server.</param>
    /// <param name="Began">When its transaction did: the same backend may have another one a moment later.</param>
    private readonly record struct Blocker(int Backend, DateTime Began);
}
