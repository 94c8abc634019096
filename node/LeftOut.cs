using System.Diagnostics;
using Granary.Gateway.Management.Definitions;
using Granary.Silo.Hosting.Cluster;
using Microsoft.Extensions.Logging.Abstractions;

namespace Granary.Node;

/// <summary>Events of the runtime and of libraries that are no news to an operator, each by its category and id.</summary>
internal static class LeftOut
{
    // Two lines at each start that recommend the collector for servers. It brought nothing on two cores, and takes more memory.
    private const int NoServerCollector = 100405;

    // A push that was under way when its connection closed. What it carried goes back to the queue with the connection's links.
    private const int NobodyToPushTo = 100924;

    // A handshake at the silo's port that came to nothing, or timed out, with a stack trace: the silo says who it was, and why.
    private const int NoHandshake = 1, NoHandshakeInTime = 2;

    // The watchdog has found a thread stalled.
    private const int Stalled = 100150;

    // A try of a call that found no place for its grain, and that another one follows: each call of a cluster whose silo has just gone, or of a node that stops. A
    // queue that stays out of reach is told of by who asks for it (log 1006).
    private const int TriedAgain = 0, Tried = 3;

    // A step of the start or of the stop that took more than a second: how long these take is seen, and nothing can be done about a step.
    private const int SlowStep = 100452;

    // That a check of the health was not passed, at each probe: of what is wrong there is a line already, and the probe's answer says it.
    private const int NotHealthy = 103;

    // A request over gRPC that is no protobuf message, or whose frame is none, or whose connection ended before it was read, with a stack trace. Anybody can send any number of them, and methods of this broker say themselves what fails in them.
    private const int Malformed = 6;

    // A grain that was called when its silo had just ended, calls that it sends no more, and calls that are cancelled at a silo that is there no more: it is the process' own that stops, and
    // nobody waits for them.
    private const int NoPlaceInTheDirectory = 100064, NotSent = 101540, NobodyToCancel = 101009, NotCancelled = 294010709;

    private static volatile bool _isRefused, _siloStops;

    // When the process wrote its first line.
    private static readonly long Began = Stopwatch.GetTimestamp();

    /// <summary>The process is not to start, and ends: that calls of what has been started already come to nothing is no news from now on, for the operator is told why.</summary>
    public static void RefuseStart() => _isRefused = true;

    /// <summary>The silo of the process stops: it takes no grains any more.</summary>
    public static void StopSilo() => _siloStops = true;

    public static bool Includes<TState>(in LogEntry<TState> entry) => IsSaidAnyhow(entry.Exception) || entry.EventId.Id switch
    {
        NoServerCollector => entry.Category == "Orleans.Runtime.Silo",
        SlowStep => entry.Category == "Orleans.Runtime.SiloLifecycleSubject",
        NobodyToPushTo => entry.Category == "Orleans.Runtime.HostedClient",
        NotHealthy => entry.Category == "Microsoft.Extensions.Diagnostics.HealthChecks.DefaultHealthCheckService",
        Malformed => entry.Category == "Grpc.AspNetCore.Server.ServerCallHandler" && entry.Exception is Google.Protobuf.InvalidProtocolBufferException or InvalidDataException or IOException,
        NoHandshake or NoHandshakeInTime => entry.Category == "Orleans.Connections.Security.TlsServerConnectionMiddleware",
        Stalled => entry.Category == "Orleans.Runtime.Watchdog" && IsLongerThanTheProcessRuns(entry.State),
        NoPlaceInTheDirectory => _siloStops && entry.Category == "Orleans.Grain",
        NotSent or NobodyToCancel => _siloStops && entry.Category == "Orleans.Runtime.Messaging.MessageCenter",
        NotCancelled => _siloStops && entry.Category == "Orleans.Runtime.GrainCallCancellationManager",
        TriedAgain or Tried => entry.Category == "Polly" && IsOfPlacement(entry.State),
        _ => _isRefused && entry.Category == "Orleans.Messaging",
    };

    // Why the process does not start: the operator is told without a stack trace, and once.
    private static bool IsSaidAnyhow(Exception? exception) => exception is MemberRefusedException or DefinitionsRefusedException;

    private static bool IsOfPlacement(object? state) =>
        state is IEnumerable<KeyValuePair<string, object?>> values && values.Any(value => value.Value is string source && source.StartsWith("Orleans.Placement", StringComparison.Ordinal));

    // Its first look may come before it has set its clock, and then it counts from the machine's start.
    private static bool IsLongerThanTheProcessRuns(object? state)
    {
        var runs = Stopwatch.GetElapsedTime(Began);
        return state is IEnumerable<KeyValuePair<string, object?>> values && values.Any(value => value.Value is TimeSpan stall && stall > runs);
    }
}
