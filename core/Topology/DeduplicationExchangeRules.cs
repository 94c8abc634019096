using System.Globalization;
using Granary.Amqp;
using Granary.Core.Links;
using Granary.Core.Messages;
using Granary.Core.Routing;

namespace Granary.Core.Topology;

/// <summary>
/// What exchanges ask of queues that are to take no message twice: those of the type x-message-deduplication always, others by an argument. What is refused of the type is
/// refused in the words of the community's plugin (rabbitmq_message_deduplication).
/// </summary>
public static class DeduplicationExchangeRules
{
    /// <summary>Of arguments that have been checked; null: nothing is asked.</summary>
    public static DeduplicationWindow? WindowOf(ExchangeDeclaration declaration)
    {
        ArgumentNullException.ThrowIfNull(declaration);
        if (declaration.Arguments.IsEmpty)
        {
            return null;
        }

        var arguments = declaration.Arguments.Decode();
        var isAsked = ExchangeTypes.RoutesAs(declaration.Type, declaration.Arguments) == ExchangeTypes.Deduplication
            || (arguments.TryGetValue(DeduplicationWindow.Argument, out var value) && value.TryGetBoolean(out var asks) && asks);
        return isAsked ? DeduplicationWindow.Of(NumberOf(arguments, DeduplicationWindow.SizeArgument), NumberOf(arguments, DeduplicationWindow.TtlArgument)) : null;
    }

    /// <summary>406 for arguments that the type does not take, or null. Numbers may be texts, as the plugin has it for tools that know no other values.</summary>
    public static BrokerError? CheckArguments(FieldTable arguments)
    {
        ArgumentNullException.ThrowIfNull(arguments);
        return NumberOf(arguments, DeduplicationWindow.SizeArgument) is not > 0
                ? Refused("Missing or invalid argument, 'x-cache-size' must be an integer greater than 0")
            : arguments.ContainsKey(DeduplicationWindow.TtlArgument) && NumberOf(arguments, DeduplicationWindow.TtlArgument) is not (> 0 and <= MessageLease.Longest)
                ? Refused("Invalid argument, 'x-cache-ttl' must be an integer greater than 0")
            : arguments.TryGetValue("x-cache-persistence", out var persistence) && !(persistence.TryGetText(out var where) && where is "disk" or "memory")
                ? Refused("Invalid argument, 'x-cache-persistence' must be either 'disk' or 'memory'")
            : null;
    }

    private static BrokerError Refused(string explanation) => new(ReplyCode.PreconditionFailed, explanation);

    private static long? NumberOf(FieldTable arguments, string name) =>
        !arguments.TryGetValue(name, out var value) ? null
        : value.TryGetInteger(out var number) ? number
        : value.TryGetText(out var text) && long.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out var read) ? read
        : null;
}
