using Granary.Core.Links;
using Granary.Silo.Queues.Definition;

namespace Granary.Silo.Queues.Consumers;

/// <summary>Consumers that want to be the only one of their queue (basic.consume with exclusive).</summary>
internal sealed class ExclusiveUse(QueueDefinition definition)
{
    private Consumer? _holder;

    /// <summary>There are others, or one that wants to be alone. With a single active consumer nobody may ask for it; quorum queues do not know it.</summary>
    /// <param name="others">How many consumers there are.</param>
    public bool Refuses(AttachItem attach, int others) =>
        _holder is not null || (attach.Exclusive && IsKnown && (others > 0 || definition.Settings.SingleActiveConsumer));

    public void Add(Consumer consumer)
    {
        if (consumer.Exclusive && IsKnown)
        {
            _holder = consumer;
        }
    }

    public void Remove(Consumer consumer)
    {
        if (_holder == consumer)
        {
            _holder = null;
        }
    }

    private bool IsKnown => definition.Type != QueueTypes.Quorum;
}
