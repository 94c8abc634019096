using System.Diagnostics;
using Microsoft.Extensions.Logging.Abstractions;

namespace Granary.Node;

/// <summary>Events of the runtime that are no news to an operator, each by its category and id.</summary>
internal static class LeftOut
{
    // Two lines at each start that recommend the collector for servers. It brought nothing on two cores, and takes more memory.
    private const int NoServerCollector = 100405;

    // A push that was under way when its connection closed. What it carried goes back to the queue with the connection's links.
    private const int NobodyToPushTo = 100924;

    // The watchdog has found a thread stalled.
    private const int Stalled = 100150;

    // When the process wrote its first line.
    private static readonly long Began = Stopwatch.GetTimestamp();

    public static bool Includes<TState>(in LogEntry<TState> entry) => entry.EventId.Id switch
    {
        NoServerCollector => entry.Category == "Orleans.Runtime.Silo",
        NobodyToPushTo => entry.Category == "Orleans.Runtime.HostedClient",
        Stalled => entry.Category == "Orleans.Runtime.Watchdog" && IsLongerThanTheProcessRuns(entry.State),
        _ => false,
    };

    // Its first look may come before it has set its clock, and then it counts from the machine's start.
    private static bool IsLongerThanTheProcessRuns(object? state)
    {
        var runs = Stopwatch.GetElapsedTime(Began);
        return state is IEnumerable<KeyValuePair<string, object?>> values && values.Any(value => value.Value is TimeSpan stall && stall > runs);
    }
}
