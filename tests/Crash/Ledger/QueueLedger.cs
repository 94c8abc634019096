using Granary.Crash.Load;

namespace Granary.Crash.Ledger;

/// <summary>What was seen of one queue.</summary>
internal sealed class QueueLedger(int index)
{
    public int Index { get; } = index;

    public string Name { get; } = Plan.NameOf(index);

    public Dictionary<MessageId, Sighting> Sightings { get; } = [];

    /// <summary>Per consumer, see <see cref="ConsumerSession.Fresh"/>.</summary>
    public Dictionary<string, Dictionary<Source, uint>> Fresh { get; } = [];

    /// <summary>The highest number delivered for the first time in earlier runs.</summary>
    public Dictionary<Source, uint> FreshBefore { get; } = [];

    /// <summary>A consumer is leaving with messages that nobody here has seen: any may come again.</summary>
    public int Leaving { get; set; }

    /// <summary>After a consumer left: messages up to these numbers may come again in this run, per publisher.</summary>
    public Dictionary<ushort, uint> MayReturn { get; } = [];

    /// <summary>Confirmed persistent messages that were not acknowledged yet.</summary>
    public int Owed { get; set; }

    /// <summary>What keeps a message in order with others in this queue.</summary>
    public Source SourceOf(MessageId id) => new(id.Publisher, Plan.HasPriorities(Index) ? Math.Min(Plan.PriorityOf(id), Plan.HighestPriority) : (byte)0);

    public void EndRun()
    {
        Leaving = 0;
        MayReturn.Clear();
        foreach (var (source, number) in Fresh.Values.SelectMany(numbers => numbers))
        {
            FreshBefore[source] = Math.Max(FreshBefore.GetValueOrDefault(source), number);
        }
    }
}

/// <summary>Where messages come from whose numbers ascend in a queue: a publisher and, if the queue has priorities, one of them.</summary>
internal readonly record struct Source(ushort Publisher, byte Priority);
