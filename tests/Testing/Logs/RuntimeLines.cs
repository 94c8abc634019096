using Microsoft.Extensions.Logging;

namespace Granary.Testing.Logs;

/// <summary>What the runtime logs as a warning or worse although nothing is wrong, line by line. All else above Information has to be announced by the test that causes it.</summary>
internal static class RuntimeLines
{
    private static readonly HashSet<(string Category, int Event)> Known =
    [
        // The silo would have the collector of servers: it brought nothing on two cores and costs memory.
        ("Orleans.Runtime.Silo", 100405),

        // A push whose connection has just gone. The node leaves it out, too (node/LeftOut.cs).
        ("Orleans.Runtime.HostedClient", 100924),

        // The watchdog's first look may come before its clock was set, and then counts from the machine's start; later ones tell of a machine that is busy with other tests.
        ("Orleans.Runtime.Watchdog", 100150),

        // Work waited for a thread, which makes the silo think less of its health: on a machine that is busy, or in a process that was stopped, it does.
        ("Orleans.Runtime.MembershipService.LocalSiloHealthMonitor", 86528487),
        ("Orleans.Runtime.MembershipService.LocalSiloHealthMonitor", 1961930485),

        // A turn of more than a second: on a machine that runs several suites at once any may be.
        ("Orleans.Runtime.Scheduler.WorkItemGroup", 101215),

        // The timer of the silo's look at its own health came more than three seconds late: the machine stood still, or all threads of the pool were taken by the tests beside it.
        ("Orleans.Runtime.AsyncTimer.LocalSiloHealthMonitor", 790741219),
    ];

    /// <summary>Of a silo that stops, on a machine that is so busy that a step of it takes more than half a second.</summary>
    private static readonly HashSet<(string Category, int Event)> KnownAtTheEnd =
    [
        // A stage of the stop took more than a second.
        ("Orleans.Runtime.SiloLifecycleSubject", 100452),

        // That the silo leaves was not written in time into the list of members, which goes with the silo.
        ("Orleans.Runtime.MembershipService.MembershipTableManager", 100615),

        // A push to a session of a test that is over, and of which nothing is left.
        ("Orleans.Runtime.HostedClient", 100162),

        // A queue tells sessions to come to its next activation; those that tests have in the silo's own process are gone by then.
        ("Orleans.Messaging", 100071),
        ("Orleans.Messaging", 101002),

        // A grain that somebody called when the silo was as good as gone: its directory takes none any more.
        ("Orleans.Grain", 100064),

        // A call that was made when nothing is sent any more comes back at once, to a silo whose directory has gone.
        ("Orleans.Runtime.Messaging.MessageCenter", 101540),

        // Calls that were not answered by then are cancelled, at a silo that is there no more.
        ("Orleans.Runtime.Messaging.MessageCenter", 101009),
        ("Orleans.Runtime.GrainCallCancellationManager", 294010709),
    ];

    /// <param name="isLeaving">The silo has been told to stop: what is called from then on finds no place, and a client no way back.</param>
    public static bool HaveToBeAnnounced(LogLine line, bool isLeaving) =>
        line.Level >= LogLevel.Warning && !Known.Contains((line.Category, line.Event))
        && !(isLeaving && (IsAboutPlacement(line) || KnownAtTheEnd.Contains((line.Category, line.Event))));

    // The node leaves these out at any time (node/LeftOut.cs).
    private static bool IsAboutPlacement(LogLine line) =>
        line is { Category: "Polly", Event: 0 or 3 } && line.Text.Contains("Orleans.Placement", StringComparison.Ordinal);
}
