using Granary.Amqp;

namespace Granary.Core.Topology;

/// <summary>What exchanges of the type x-recent-history keep, and what is refused of them in the words of RabbitMQ's plugin (rabbit_exchange_type_recent_history).</summary>
public static class RecentHistoryRules
{
    private const string LengthArgument = "x-recent-history-length";
    private const long StandardLength = 20;

    /// <summary>How many of the last messages there are for a queue that is bound. Of arguments that have been checked.</summary>
    public static long LengthOf(FieldTable arguments)
    {
        ArgumentNullException.ThrowIfNull(arguments);
        return arguments.TryGetValue(LengthArgument, out var value) && value.TryGetInteger(out var length) ? length : StandardLength;
    }

    /// <summary>406 for a length that is no integer above 0, or null.</summary>
    public static BrokerError? CheckArguments(FieldTable arguments)
    {
        ArgumentNullException.ThrowIfNull(arguments);
        return arguments.TryGetValue(LengthArgument, out var value) && !(value.TryGetInteger(out var length) && length > 0)
            ? new BrokerError(ReplyCode.PreconditionFailed, $"Invalid argument {FieldText.Term(value)}, '{LengthArgument}' must be a positive integer")
            : null;
    }

    /// <summary>The message says that it is not to be kept.</summary>
    /// <param name="headers">The content of the headers table, or empty.</param>
    /// <exception cref="AmqpConnectionException">501: the table cannot be decoded.</exception>
    public static bool IsNotKept(ReadOnlySpan<byte> headers)
    {
        var reader = new FieldTableReader(headers, MethodId.BasicPublish);
        return reader.MoveTo("x-recent-history-no-store"u8) && reader.Kind == FieldKind.Boolean && reader.ToFieldValue().TryGetBoolean(out var isNotKept) && isNotKept;
    }
}
