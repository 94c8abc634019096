using Granary.Silo.Queues.Definition;
using Granary.Silo.Queues.Messages;

namespace Granary.Silo.Queues;

/// <summary>What an exchange published last.</summary>
internal sealed partial class Queue
{
    /// <summary>All that there is, in its order; none where an exchange does not have the queue for that. What is in the store only has no records, and some of it may be gone.</summary>
    /// <returns>Runs, each with the offset after it.</returns>
    public List<(MessageRun Run, long End)> ListHistory()
    {
        List<(MessageRun, long)> runs = [];
        if (Definition.Type == QueueTypes.History)
        {
            _ready.Top.AddAll(runs);
        }

        return runs;
    }
}
