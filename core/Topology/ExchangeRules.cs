using Granary.Amqp;
using Granary.Core.Links;
using Granary.Core.Messages;
using Granary.Core.Routing;

namespace Granary.Core.Topology;

/// <summary>What RabbitMQ refuses of exchanges and bindings, in its words (rabbit_exchange, rabbit_channel, rabbit_exchange_type_headers).</summary>
public static class ExchangeRules
{
    public const string AlternateExchange = "alternate-exchange";

    public static readonly BrokerError NotOnDefaultExchange = new(ReplyCode.AccessRefused, "operation not permitted on the default exchange");

    /// <summary>406 for a type there is none of, or null. RabbitMQ checks it before all else of a declaration.</summary>
    public static BrokerError? CheckType(string type) =>
        ExchangeTypes.IsKnown(type) ? null : new BrokerError(ReplyCode.PreconditionFailed, $"unknown exchange type '{type}'");

    /// <summary>403 for a name that only the broker gives, or null. Checked only where an exchange would really be created.</summary>
    public static BrokerError? CheckName(string name) => name.StartsWith(BrokerError.ReservedPrefix, StringComparison.Ordinal)
        ? BrokerError.ReservedName("exchange", name)
        : null;

    public static BrokerError? CheckDeletable(string vhost, string name) => name.StartsWith(BrokerError.ReservedPrefix, StringComparison.Ordinal)
        ? new BrokerError(ReplyCode.AccessRefused, $"deletion of system exchange '{name}' in vhost '{vhost}' not allowed")
        : null;

    /// <summary>406 for an alternate exchange that is not named by text, or for what the type does not take, or null.</summary>
    public static BrokerError? CheckArguments(string vhost, string name, string type, FieldTable arguments) =>
        type switch
        {
            ExchangeTypes.ConsistentHash => HashExchangeRules.CheckArguments(arguments),
            ExchangeTypes.DelayedMessage => DelayedExchangeRules.CheckArguments(vhost, name, arguments),
            ExchangeTypes.RecentHistory => RecentHistoryRules.CheckArguments(arguments),
            ExchangeTypes.Deduplication => DeduplicationExchangeRules.CheckArguments(arguments),
            _ => CheckDeduplication(vhost, name, arguments),
        }
        ?? CheckAlternate(vhost, name, arguments);

    /// <summary>As the same arguments of queues.</summary>
    private static BrokerError? CheckDeduplication(string vhost, string name, FieldTable arguments)
    {
        return arguments.TryGetValue(DeduplicationWindow.Argument, out var isAsked) && isAsked.Kind != FieldKind.Boolean
            ? Invalid(DeduplicationWindow.Argument, $"{{unacceptable_type,{FieldText.TypeName(isAsked.Kind)}}}")
            : Number(DeduplicationWindow.SizeArgument, DeduplicationWindow.LargestSize, "max_value_exceeded")
                ?? Number(DeduplicationWindow.TtlArgument, MessageLease.Longest, "value_too_large");

        BrokerError? Number(string argument, long most, string tooMuch) =>
            !arguments.TryGetValue(argument, out var value) ? null
            : !value.TryGetInteger(out var number) ? Invalid(argument, $"\"expected integer, got {FieldText.TypeName(value.Kind)}\"")
            : number < 0 ? Invalid(argument, $"{{value_negative,{number}}}")
            : number == 0 ? Invalid(argument, "{value_zero,0}")
            : number > most ? Invalid(argument, $"{{{tooMuch},{number}}}")
            : null;

        BrokerError Invalid(string argument, string term) =>
            new(ReplyCode.PreconditionFailed, $"invalid arg '{argument}' for exchange '{name}' in vhost '{vhost}': {term}");
    }

    private static BrokerError? CheckAlternate(string vhost, string name, FieldTable arguments) =>
        arguments.TryGetValue(AlternateExchange, out var value) && value.Kind != FieldKind.LongString
            ? new BrokerError(
                ReplyCode.PreconditionFailed,
                $"invalid type '{FieldText.TypeName(value.Kind)}' for arg '{AlternateExchange}' in exchange '{name}' in vhost '{vhost}'")
            : null;

    /// <summary>The exchange that the declaration's arguments name as alternate, or null.</summary>
    public static string? AlternateExchangeOf(FieldTable arguments) =>
        arguments.TryGetValue(AlternateExchange, out var value) && value.TryGetText(out var name) ? name : null;

    /// <summary>406 when a declaration does not agree with what exists, or null: type, flags, and of the arguments only the alternate exchange and what deduplicates.</summary>
    public static BrokerError? CheckEquivalence(string vhost, string name, ExchangeDeclaration current, ExchangeDeclaration received)
    {
        return Field("type", FieldText.Atom(received.Type), FieldText.Atom(current.Type))
            ?? Field("durable", Flag(received.Durable), Flag(current.Durable))
            ?? Field("auto_delete", Flag(received.AutoDelete), Flag(current.AutoDelete))
            ?? Field("internal", Flag(received.Internal), Flag(current.Internal))
            ?? Argument(AlternateExchange) ?? Argument(DeduplicationWindow.Argument) ?? Argument(DeduplicationWindow.SizeArgument) ?? Argument(DeduplicationWindow.TtlArgument);

        BrokerError? Argument(string argument) =>
            FieldText.CheckEquivalence(argument, "exchange", name, vhost, received.Arguments.Decode(), current.Arguments.Decode());

        BrokerError? Field(string field, string asked, string there) =>
            asked == there ? null : BrokerError.InequivalentArgument(field, "exchange", name, vhost, $"'{asked}'", $"'{there}'");

        static string Flag(bool value) => value ? "true" : "false";
    }

    /// <summary>406 for a binding that the exchange type does not take, or null.</summary>
    /// <param name="exchangeType">By whose rules the exchange routes: <see cref="ExchangeTypes.RoutesAs"/>.</param>
    public static BrokerError? CheckBinding(string exchangeType, Binding binding)
    {
        ArgumentNullException.ThrowIfNull(binding);
        return exchangeType switch
        {
            ExchangeTypes.Headers => CheckConditions(binding.Arguments),
            ExchangeTypes.ConsistentHash => HashExchangeRules.CheckKey(binding.RoutingKey),
            ExchangeTypes.LocalRandom => CheckLocal(binding),
            _ => null,
        };
    }

    // rabbit_exchange_type_local_random
    private static BrokerError? CheckLocal(Binding binding) =>
        binding.RoutingKey.Length > 0 ? new BrokerError(ReplyCode.PreconditionFailed, $"Non empty binding '{binding.RoutingKey}' key not permitted")
        : binding.Destination.Kind != DestinationKind.Queue ? new BrokerError(ReplyCode.PreconditionFailed, "Destination not found")
        : null;

    private static BrokerError? CheckConditions(EncodedTable arguments)
    {
        if (arguments.IsEmpty)
        {
            return null;
        }

        var reader = new FieldTableReader(arguments.Bytes.Span);
        if (!reader.MoveTo("x-match"u8))
        {
            return null;
        }

        if (reader.Kind != FieldKind.LongString)
        {
            return new BrokerError(
                ReplyCode.PreconditionFailed,
                $"Invalid x-match field type {FieldText.TypeName(reader.Kind)} (value {FieldText.Term(reader.ToFieldValue())}); expected longstr");
        }

        var match = reader.Value;
        return match.SequenceEqual("all"u8) || match.SequenceEqual("any"u8) || match.SequenceEqual("all-with-x"u8) || match.SequenceEqual("any-with-x"u8)
            ? null
            : new BrokerError(
                ReplyCode.PreconditionFailed,
                $"Invalid x-match field value {FieldText.Term(reader.ToFieldValue())}; expected all, any, all-with-x, or any-with-x");
    }

    /// <summary>Arguments in the order that tells bindings apart: RabbitMQ sorts them by key, so the order they came in does not count.</summary>
    public static EncodedTable Sorted(EncodedTable arguments)
    {
        if (arguments.IsEmpty)
        {
            return arguments;
        }

        var sorted = arguments.Decode().OrderBy(entry => entry.Key, StringComparer.Ordinal);
        return EncodedTable.From(new FieldTable(sorted));
    }
}
