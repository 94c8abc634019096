using Granary.Crash.Load;

namespace Granary.Crash.Ledger;

/// <summary>What was seen of one queue.</summary>
internal sealed class QueueLedger(int index)
{
    public int Index { get; } = index;

    public string Name { get; } = Plan.NameOf(index);

    public Dictionary<MessageId, Sighting> Sightings { get; } = [];

    /// <summary>Per consumer, see <see cref="ConsumerSession.Fresh"/>.</summary>
    public Dictionary<string, Dictionary<ushort, uint>> Fresh { get; } = [];

    /// <summary>The highest number delivered for the first time in earlier runs, per publisher.</summary>
    public Dictionary<ushort, uint> FreshBefore { get; } = [];

    /// <summary>A consumer is leaving with messages that nobody here has seen: any may come again.</summary>
    public int Leaving { get; set; }

    /// <summary>After a consumer left: messages up to these numbers may come again in this run, per publisher.</summary>
    public Dictionary<ushort, uint> MayReturn { get; } = [];

    /// <summary>Confirmed persistent messages that were not acknowledged yet.</summary>
    public int Owed { get; set; }

    public void EndRun()
    {
        Leaving = 0;
        MayReturn.Clear();
        foreach (var (publisher, number) in Fresh.Values.SelectMany(numbers => numbers))
        {
            FreshBefore[publisher] = Math.Max(FreshBefore.GetValueOrDefault(publisher), number);
        }
    }
}
