using Granary.Amqp;
using Granary.Core;

namespace Granary.Silo.Queues.Definition;

/// <summary>The checks of basic.consume's arguments (rabbit_amqqueue's consume_args).</summary>
internal static class ConsumerArguments
{
    private const string Priority = "x-priority";

    public static BrokerError? Check(QueueDefinition queue, EncodedTable arguments)
    {
        if (arguments.IsEmpty || !arguments.Decode().TryGetValue(Priority, out var priority))
        {
            return null;
        }

        return QueueArguments.Integer(priority, least: long.MinValue) is { } term
            ? new BrokerError(ReplyCode.PreconditionFailed, $"invalid arg '{Priority}' for queue '{queue.Name}' in vhost '{queue.Vhost}': {term}")
            : null;
    }
}
