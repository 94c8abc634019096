using Granary.Core.Members;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;

namespace Granary.Silo.Hosting.Cluster;

/// <summary>
/// A process with queues that does not reach the database, while another one with queues does, ends: so its queues go to silos that can store what is published. A database that nobody reaches is
/// waited for.
/// </summary>
internal sealed partial class DatabaseWatch(IDatabaseReach database, IMembers members, IFatalErrorHandler end, TimeProvider clock, ILogger<DatabaseWatch> log) : BackgroundService
{
    /// <summary>How long the way to the database may be interrupted.</summary>
    public static readonly TimeSpan Patience = TimeSpan.FromSeconds(2.5);

    private static readonly TimeSpan Every = TimeSpan.FromSeconds(1);

    // The one who is asked looks first.
    private static readonly TimeSpan AnswerLimit = TimeSpan.FromSeconds(1);

    private long? _missedSince;

    /// <summary>Looks, for others who ask. What was seen a second ago would not do: a database that ends soon after its start is seen by some and missed by others, who would end.</summary>
    public Task<bool> ReachesDatabaseAsync() => database.LookAsync();

    /// <summary>Looks, and ends the process if it is the only one that misses the database.</summary>
    public async Task LookAsync()
    {
        var began = clock.GetTimestamp();
        if (await ReachesAsync().ConfigureAwait(false))
        {
            return;
        }

        _missedSince ??= began;
        if (clock.GetElapsedTime(_missedSince.Value) < Patience || await FindWitnessAsync().ConfigureAwait(false) is not { } witness)
        {
            return;
        }

        // It may have come back for both just now, and been seen there first.
        if (!await ReachesAsync().ConfigureAwait(false))
        {
            end.OnFatalException(this, $"PostgreSQL is out of reach from here, and silo {witness} reaches it: the queues of this process go to others");
        }
    }

    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        using var timer = new PeriodicTimer(Every, clock);
        try
        {
            do
            {
                await LookAsync().ConfigureAwait(false);
            }
            while (await timer.WaitForNextTickAsync(stoppingToken).ConfigureAwait(false));
        }
        catch (OperationCanceledException) when (stoppingToken.IsCancellationRequested)
        {
            LogStopped();
        }
    }

    private async Task<bool> ReachesAsync()
    {
        if (!await database.LookAsync().ConfigureAwait(false))
        {
            return false;
        }

        _missedSince = null;
        return true;
    }

    private async Task<string?> FindWitnessAsync()
    {
        var answers = await Task.WhenAll(members.Others.Select(AskAsync)).ConfigureAwait(false);
        return answers.FirstOrDefault(answer => answer.Reaches).Member;
    }

    private async Task<(string Member, bool Reaches)> AskAsync(string member)
    {
        try
        {
            return (member, members.Find(member) is { } service && await service.ReachesDatabaseAsync().WaitAsync(AnswerLimit, clock).ConfigureAwait(false));
        }
        catch (Exception exception)
        {
            LogNotAnswered(exception, member);
            return (member, false);
        }
    }

    [LoggerMessage(3541, LogLevel.Debug, "{Member} has not answered whether it reaches the database")]
    private partial void LogNotAnswered(Exception exception, string member);

    [LoggerMessage(3542, LogLevel.Debug, "The database is not looked for any more: the process stops")]
    private partial void LogStopped();
}
