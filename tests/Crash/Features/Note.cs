using Granary.Crash.Ledger;

namespace Granary.Crash.Features;

/// <summary>What is known of a message in one queue.</summary>
internal sealed class Note
{
    public Fate Fate { get; set; } = Fate.Sent;

    /// <summary>When it was sent, and to which run.</summary>
    public long SentAt { get; init; }

    public int SentRun { get; init; }

    public int Deliveries { get; set; }

    /// <summary>Deliveries in <see cref="LastRun"/>.</summary>
    public int DeliveriesInRun { get; set; }

    public int LastRun { get; set; } = -1;

    /// <summary>Who has it.</summary>
    public object? Holder { get; set; }

    public bool IsAcked { get; set; }

    public int AckedRun { get; set; }

    public long AckedAt { get; set; }

    /// <summary>How often it was given back, and when.</summary>
    public List<(int Run, long At)> Returns { get; } = [];

    /// <summary>Who had it left: that may have counted as a return.</summary>
    public int Leaves { get; set; }
}
