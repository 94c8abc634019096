using System.Net;
using Microsoft.Extensions.Logging;

namespace Granary.Gateway.Access;

/// <summary>
/// Has whoever was refused over HTTP wait for the answer, so that guessing is slow: a connection is answered one request after the other. Nobody else waits, not
/// even the user whose password was wrong. Safe for use by any thread.
/// </summary>
internal sealed partial class RefusedLogins(TimeProvider clock, ILogger<RefusedLogins> log)
{
    /// <summary>How long an answer waits. RabbitMQ answers at once over HTTP.</summary>
    public static readonly TimeSpan Length = TimeSpan.FromSeconds(1);

    /// <summary>Each holds a connection and a timer. Beyond that many the answer costs less than the wait.</summary>
    public const int MostWaiting = 2_000;

    /// <summary>Lines in the log for each second; those beyond are counted.</summary>
    private const int MostLines = 10;

    private readonly Lock _gate = new();
    private int _waiting;
    private long _second;
    private int _told;
    private int _untold;

    /// <param name="aborted">The client has left.</param>
    public async Task WaitAsync(CancellationToken aborted)
    {
        if (Interlocked.Increment(ref _waiting) <= MostWaiting)
        {
            await Task.Delay(Length, clock, aborted).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        }

        Interlocked.Decrement(ref _waiting);
    }

    /// <summary>Writes it to the log.</summary>
    /// <param name="user">As the client says.</param>
    /// <param name="from">Null: it is not known.</param>
    public void Tell(string user, IPAddress? from)
    {
        if (MayTell())
        {
            LogRefused(log, user, from?.ToString() ?? "");
        }
    }

    /// <summary>Whether one line more may be written in this second. Otherwise the login is counted, and the number written later.</summary>
    public bool MayTell()
    {
        bool isTold;
        int untold;
        lock (_gate)
        {
            var second = clock.GetUtcNow().ToUnixTimeSeconds();
            untold = second == _second ? 0 : _untold;
            if (second != _second)
            {
                (_second, _told, _untold) = (second, 0, 0);
            }

            isTold = _told < MostLines;
            _ = isTold ? _told++ : _untold++;
        }

        if (untold > 0)
        {
            LogMore(log, untold);
        }

        return isTold;
    }

    [LoggerMessage(1705, LogLevel.Information, "Login over HTTP refused: user '{User}' from {Address}")]
    private static partial void LogRefused(ILogger logger, string user, string address);

    [LoggerMessage(1706, LogLevel.Information, "{Count} more logins over HTTP were refused within a second")]
    private static partial void LogMore(ILogger logger, int count);
}
