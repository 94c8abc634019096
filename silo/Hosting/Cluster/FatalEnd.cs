using Granary.Core.Members;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;

namespace Granary.Silo.Hosting.Cluster;

/// <summary>
/// What a member does that was declared dead, or whose view of the cluster has failed: it closes its clients, who come back elsewhere, before anything else, and ends.
/// What its queues had is with other silos.
/// </summary>
internal sealed partial class FatalEnd(GatewayLease lease, ILogger<FatalEnd> log, IServiceProvider services) : IFatalErrorHandler
{
    /// <summary>How the process ends.</summary>
    public const int ExitCode = 3;

    // Until clients have been told. Whoever does not take it by then does not learn it.
    private static readonly TimeSpan LastWords = TimeSpan.FromSeconds(1);

    private int _isEnding;

    public bool IsUnexpected(Exception exception) => exception is not ThreadAbortException;

    public void OnFatalException(object? sender, string? context, Exception? exception)
    {
        if (Interlocked.Exchange(ref _isEnding, 1) != 0)
        {
            return;
        }

        var told = lease.EndAsync();
        LogEnding(log, exception, context ?? "");
        Task.WaitAny([told], LastWords);

        // What was logged is written by then.
        services.GetRequiredService<ILoggerFactory>().Dispose();
        Environment.Exit(ExitCode);
    }

    [LoggerMessage(3521, LogLevel.Critical, "The process ends, it is no member of the cluster any more: {Reason}")]
    private static partial void LogEnding(ILogger logger, Exception? exception, string reason);
}
