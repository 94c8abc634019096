using Granary.Amqp;
using Granary.Core;

namespace Granary.Silo.Queues.Definition;

/// <summary>The arguments of basic.consume (rabbit_amqqueue's consume_args). Those that no queue knows are ignored, as there.</summary>
internal static class ConsumerArguments
{
    private const string Priority = "x-priority";

    /// <summary>Reads them; what is wrong with them, or null.</summary>
    public static BrokerError? Read(QueueDefinition queue, EncodedTable arguments, out long priority)
    {
        priority = 0;
        if (arguments.IsEmpty || !arguments.Decode().TryGetValue(Priority, out var value))
        {
            return null;
        }

        _ = value.TryGetInteger(out priority);
        return QueueArguments.Integer(value, least: long.MinValue) is { } term
            ? new BrokerError(ReplyCode.PreconditionFailed, $"invalid arg '{Priority}' for queue '{queue.Name}' in vhost '{queue.Vhost}': {term}")
            : null;
    }
}
