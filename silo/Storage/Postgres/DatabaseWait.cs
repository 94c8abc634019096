using Microsoft.Extensions.Logging;
using Npgsql;

namespace Granary.Silo.Storage.Postgres;

/// <summary>A process that is started together with its database, or before it, waits for it instead of being started again and again.</summary>
internal static partial class DatabaseWait
{
    private static readonly TimeSpan AgainAfter = TimeSpan.FromSeconds(1);

    /// <summary>Completes when the database has answered a connection, be it that it refuses it for good, or after <paramref name="most"/>.</summary>
    public static async Task RunAsync(PostgresOptions options, TimeSpan most, TimeProvider time, ILogger log, CancellationToken cancellation)
    {
        await using var database = DatabaseConnections.CreateForChecks(options);
        var began = time.GetTimestamp();
        var isTold = false;
        while (await AskAsync(database, cancellation).ConfigureAwait(false) is { } reason)
        {
            if (time.GetElapsedTime(began) + AgainAfter > most)
            {
                return;
            }

            if (!isTold)
            {
                LogWaits(log, reason, most.TotalSeconds);
                isTold = true;
            }

            await Task.Delay(AgainAfter, time, cancellation).ConfigureAwait(false);
        }

        if (isTold)
        {
            LogAnswers(log, time.GetElapsedTime(began).TotalSeconds);
        }
    }

    /// <returns>Why it is worth while to ask again; null: it is not.</returns>
    private static async Task<string?> AskAsync(NpgsqlDataSource database, CancellationToken cancellation)
    {
        try
        {
            await using var connection = await database.OpenConnectionAsync(cancellation).ConfigureAwait(false);
            return null;
        }
        catch (Exception exception) when (PostgresFailure.Of(exception) is StoreUnavailableException unavailable)
        {
            return unavailable.Message;
        }
        catch (NpgsqlException)
        {
            // Such as a password that is wrong.
            return null;
        }
    }

    [LoggerMessage(3343, LogLevel.Information, "{Reason}. The start waits for it, for up to {Seconds:0.#} s")]
    private static partial void LogWaits(ILogger log, string reason, double seconds);

    [LoggerMessage(3344, LogLevel.Information, "PostgreSQL answers after {Seconds:0.0} s")]
    private static partial void LogAnswers(ILogger log, double seconds);
}
