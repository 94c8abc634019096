using Granary.Core.Links;
using Granary.Silo.Queues.Messages;

namespace Granary.Silo.DeadLetters;

/// <summary>Waits until all queues that a batch of letters went to are done with it: only then may the queue it came from forget the messages.</summary>
internal sealed class LetterOutcome(int targets, IReadOnlyList<MessageRun> sources, Action<IReadOnlyList<MessageRun>> arrived) : IPublishOutcome
{
    private int _left = targets;

    /// <summary>What a full queue refuses is gone, for it is not kept (<see cref="DeadLetterRule.Keeps"/>). <see cref="Passed"/> follows.</summary>
    public void Refuse(int[] indexes)
    {
    }

    public void Passed() => Done();

    public void Unrouted() => Done();

    /// <summary>After a defect only, for all else is sent again until one of the others follows: the store keeps the messages for the next activation of their queue.</summary>
    public void Lost()
    {
    }

    private void Done()
    {
        if (--_left == 0)
        {
            arrived(sources);
        }
    }
}
