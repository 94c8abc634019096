namespace Granary.Crash.Ledger;

/// <summary>A consumer from its start to its end, within one run of the broker.</summary>
internal sealed class ConsumerSession(QueueLedger queue, string name, int run, Dictionary<Source, uint> fresh)
{
    public QueueLedger Queue { get; } = queue;

    public string Name { get; } = name;

    public int Run { get; } = run;

    public bool IsClosed { get; set; }

    /// <summary>The highest number delivered to this session.</summary>
    public Dictionary<Source, uint> Highest { get; } = [];

    /// <summary>The highest number delivered for the first time to this consumer in any session.</summary>
    public Dictionary<Source, uint> Fresh { get; } = fresh;
}
