using Granary.Amqp;
using Granary.Core.Routing;

namespace Granary.Core.Topology;

/// <summary>What is refused of exchanges of the type x-delayed-message, in the words of RabbitMQ's plugin (rabbit_exchange_type_delayed_message).</summary>
internal static class DelayedExchangeRules
{
    private const string TypeArgument = "x-delayed-type";

    /// <summary>The type by whose rules messages are routed; null: none is named.</summary>
    public static string? TypeOf(FieldTable arguments) => arguments.TryGetValue(TypeArgument, out var value) && value.TryGetText(out var type) ? type : null;

    public static BrokerError? CheckArguments(string vhost, string name, FieldTable arguments) => TypeOf(arguments) switch
    {
        null => Precondition("Invalid argument, 'x-delayed-type' must be an existing exchange type"),
        ExchangeTypes.DelayedMessage => Precondition("Invalid argument, 'x-delayed-message' can't be used for 'x-delayed-type'"),
        ExchangeTypes.RecentHistory => Precondition("Invalid argument, 'x-recent-history' can't be used for 'x-delayed-type'"),
        var type => ExchangeRules.CheckType(type) ?? ExchangeRules.CheckArguments(vhost, name, type, arguments),
    };

    private static BrokerError Precondition(string explanation) => new(ReplyCode.PreconditionFailed, explanation);
}
