using Granary.Crash.Load;

namespace Granary.Crash.Ledger;

/// <summary>What a publisher knows of a message it sent.</summary>
/// <param name="Run">Which run of the broker it was sent to.</param>
/// <param name="Transaction">0 outside of transactions.</param>
/// <param name="At">Milliseconds since the start of the test.</param>
internal sealed record SentMessage(Route Route, int Size, bool Persistent, int Run, int Transaction, long At)
{
    public Fate Fate { get; set; } = Fate.Sent;

    public long KnownAt { get; set; }
}
