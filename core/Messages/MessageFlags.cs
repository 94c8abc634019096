namespace Granary.Core.Messages;

/// <summary>What the broker itself acts on in a message, taken from its properties once, at publish.</summary>
[Flags]
public enum MessageFlags : byte
{
    None = 0,

    /// <summary>delivery-mode is 2: a durable queue stores it.</summary>
    Persistent = 1,

    /// <summary>The record has the eight bytes of the expiry field.</summary>
    HasExpiry = 2,

    /// <summary>The broker dead-lettered it: its x-death header is the broker's own. One set by a publishing client says nothing.</summary>
    DeadLettered = 4,

    /// <summary>The broker sent it on under one new routing key, as a dead letter or to another queue: the keys in a CC header do not count any more.</summary>
    SingleKey = 8,

    /// <summary>It has the property priority, if only 0: some queues take none for another one than 0.</summary>
    HasPriority = 32,
}
