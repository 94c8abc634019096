using Granary.Amqp;
using Granary.Core;
using Granary.Core.Links;
using Granary.Core.Topology;
using Granary.Silo.Streams;

namespace Granary.Silo.Queues.Definition;

/// <summary>The arguments of basic.consume (rabbit_amqqueue's consume_args). Those that no queue knows are ignored, as there; those of other types of queues are refused.</summary>
internal static class ConsumerArguments
{
    private const string Priority = "x-priority";

    private static readonly (string Name, QueueTypes KnownTo)[] All =
    [
        (Priority, QueueTypes.Classic | QueueTypes.Quorum),
        (MessageLease.Argument, QueueTypes.Classic | QueueTypes.Quorum),
        (StreamStart.Argument, QueueTypes.Stream),
        (StreamFilter.ValuesArgument, QueueTypes.Stream),
        (StreamFilter.UnfilteredArgument, QueueTypes.Stream),
    ];

    /// <summary>Reads those of a queue that is not a stream; what is wrong with them, or null.</summary>
    public static BrokerError? Read(QueueDefinition queue, EncodedTable arguments, out long priority)
    {
        priority = 0;
        if (arguments.IsEmpty)
        {
            return null;
        }

        var all = arguments.Decode();
        if (Check(queue, all) is { } error)
        {
            return error;
        }

        if (all.TryGetValue(Priority, out var value))
        {
            _ = value.TryGetInteger(out priority);
            if (QueueArguments.Integer(value, least: long.MinValue) is { } term)
            {
                return Invalid(queue, Priority, $": {term}");
            }
        }

        return all.TryGetValue(MessageLease.Argument, out var lease) && QueueArguments.Timer(lease, zeroAllowed: false) is { } wrong
            ? Invalid(queue, MessageLease.Argument, $": {wrong}")
            : null;
    }

    /// <summary>An argument that only other types of queues have, or null.</summary>
    public static BrokerError? Check(QueueDefinition queue, FieldTable arguments)
    {
        foreach (var (name, types) in All)
        {
            if ((types & queue.Type) == 0 && arguments.ContainsKey(name))
            {
                return Invalid(queue, name, $" of queue type rabbit_{queue.TypeName}_queue");
            }
        }

        return null;
    }

    /// <summary>x-stream-offset says nothing that is known (rabbit_amqqueue's check_stream_offset_arg).</summary>
    public static BrokerError BadOffset(QueueDefinition queue, FieldTable arguments)
    {
        arguments.TryGetValue(StreamStart.Argument, out var value);
        return Invalid(queue, StreamStart.Argument, $": {{invalid_stream_offset_arg,{{{FieldText.TypeName(value.Kind)},{FieldText.Term(value)}}}}}");
    }

    private static BrokerError Invalid(QueueDefinition queue, string name, string why) =>
        new(ReplyCode.PreconditionFailed, $"invalid arg '{name}' for queue '{queue.Name}' in vhost '{queue.Vhost}'{why}");
}
