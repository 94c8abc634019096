using Granary.Core.Messages;

namespace Granary.Silo.Queues.Definition;

/// <summary>Which priority a message has in a queue.</summary>
/// <param name="Highest">Priorities above it are as good as it.</param>
/// <param name="Absent">That of a message that says none.</param>
/// <param name="IsRare">The queue was not declared for them: most such queues never have a message that says its priority, and are to cost what queues without priorities do.</param>
internal sealed record PriorityRule(byte Highest, byte Absent = 0, bool IsRare = false)
{
    /// <summary>As rabbit_fifo has it from RabbitMQ 4.3 on (msg_priority).</summary>
    public static readonly PriorityRule Quorum = new(Highest: 31, Absent: 4, IsRare: true);

    /// <summary>0 to <see cref="Highest"/>.</summary>
    public byte Of(in MessageRecord message) =>
        IsRare && (message.Flags & MessageFlags.HasPriority) == 0 ? Absent : Math.Min(message.Priority, Highest);
}
