using Granary.Crash.Brokers;

namespace Granary.Crash;

/// <summary>What a crash run does.</summary>
/// <param name="Between">Seconds between two kills, on average.</param>
/// <param name="Backlog">Publishers wait while consumers owe more acknowledgements than these.</param>
internal sealed record CrashOptions(
    int Seed,
    int Kills = 50,
    int Queues = 20,
    StoreKind Store = StoreKind.Files,
    Victim Victim = Victim.Broker,
    double Between = 3,
    int Backlog = 5_000);
