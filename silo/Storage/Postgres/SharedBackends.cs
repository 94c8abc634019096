using Npgsql;

namespace Granary.Silo.Storage.Postgres;

/// <summary>
/// Finds out whether connections are by turns the same session of the server, as with PgBouncer in transaction mode. PostgreSQL itself never does that, nor does a pool
/// of sessions: whatever is found is so.
/// </summary>
internal static class SharedBackends
{
    // A look that somebody else's traffic spoils is repeated.
    private const int Looks = 3;

    /// <param name="one">An open connection.</param>
    /// <param name="database">Where a second one comes from.</param>
    public static async Task<bool> AreFoundAsync(NpgsqlConnection one, NpgsqlDataSource database, CancellationToken cancellation)
    {
        await using var other = await database.OpenConnectionAsync(cancellation).ConfigureAwait(false);
        try
        {
            for (var look = 0; look < Looks; look++)
            {
                if (await IsSharedAsync(one, other, cancellation).ConfigureAwait(false))
                {
                    return true;
                }
            }

            return false;
        }
        catch (PostgresException exception) when (exception.SqlState == PostgresErrorCodes.ProtocolViolation)
        {
            // No transaction of several statements at all: PgBouncer's statement mode.
            return true;
        }
    }

    private static async Task<bool> IsSharedAsync(NpgsqlConnection one, NpgsqlConnection other, CancellationToken cancellation)
    {
        // What the one has left, the other gets. This is also where a pool of one ends, which the transactions below would wait for.
        var (first, second) = (await AskAsync(one, cancellation).ConfigureAwait(false), await AskAsync(other, cancellation).ConfigureAwait(false));
        if (first == second)
        {
            return true;
        }

        // Two that are surely different. When they are free again, who asks first gets the one that was freed last, or first: one of the two orders tells.
        foreach (var isTurned in new[] { false, true })
        {
            var (held, alsoHeld) = await AskBothAtOnceAsync(one, other, cancellation).ConfigureAwait(false);
            var (asked, before) = isTurned ? (other, alsoHeld) : (one, held);
            if (held == alsoHeld || held != first || alsoHeld != second || await AskAsync(asked, cancellation).ConfigureAwait(false) != before)
            {
                return true;
            }
        }

        return false;
    }

    private static async Task<(int One, int Other)> AskBothAtOnceAsync(NpgsqlConnection one, NpgsqlConnection other, CancellationToken cancellation)
    {
        await using var ofOne = await one.BeginTransactionAsync(cancellation).ConfigureAwait(false);
        var held = await AskAsync(one, cancellation).ConfigureAwait(false);
        await using var ofOther = await other.BeginTransactionAsync(cancellation).ConfigureAwait(false);
        var alsoHeld = await AskAsync(other, cancellation).ConfigureAwait(false);
        await ofOne.CommitAsync(cancellation).ConfigureAwait(false);
        await ofOther.CommitAsync(cancellation).ConfigureAwait(false);
        return (held, alsoHeld);
    }

    private static async Task<int> AskAsync(NpgsqlConnection connection, CancellationToken cancellation)
    {
        await using var command = new NpgsqlCommand("select pg_backend_pid()", connection);
        return (int)(await command.ExecuteScalarAsync(cancellation).ConfigureAwait(false))!;
    }
}
