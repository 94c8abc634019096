using Granary.Core.Messages;
using Granary.Silo.Storage;

namespace Granary.Silo.Queues.Messages;

internal sealed partial class DelayedMessages
{
    /// <summary>Takes over what the store has. Its records are read when it is due, where it is sent on.</summary>
    public void Recover(IReadOnlyList<TimedRun> runs)
    {
        foreach (var run in runs)
        {
            Add(new MessageRun(default, run.First, run.Count, Redelivered: false, MessageFlags.Persistent, Since: 0, run.Due), run.Length);
        }
    }

    public PageRequest? NextLoad() => null;

    public long Load(PageRequest request, MessageRun[]? runs, long redeliveredBelow, long now) => 0;

    public void PageOut(long budget, long storedEnd, bool isDurable, long redeliveredBelow, List<MessageRun> copies)
    {
        if (!isDurable || MemoryBytes <= budget)
        {
            // What is not to outlive the process is kept in memory.
            return;
        }

        List<long> emptied = [];
        foreach (var key in _loadedSteps.Reverse())
        {
            // Some more than has to be, so that this is not done for each message.
            if (MemoryBytes <= budget / 4 * 3)
            {
                break;
            }

            var step = _steps[key];
            var (count, bytes) = step.LetGo(storedEnd);
            (MemoryBytes, PagedCount) = (MemoryBytes - bytes, PagedCount + count);
            if (!step.HasLoaded)
            {
                emptied.Add(key);
            }
        }

        _loadedSteps.ExceptWith(emptied);
    }
}
