using System.Globalization;
using Granary.Amqp;

namespace Granary.Core.Topology;

/// <summary>What RabbitMQ refuses of exchanges of the type x-consistent-hash, in its words (rabbit_exchange_type_consistent_hash).</summary>
internal static class HashExchangeRules
{
    public const string Header = "hash-header";
    public const string Property = "hash-property";

    public static BrokerError? CheckArguments(FieldTable arguments)
    {
        var hasHeader = arguments.TryGetValue(Header, out var header);
        var hasProperty = arguments.TryGetValue(Property, out var property);
        return hasHeader && header.Kind != FieldKind.LongString ? NotText(Header, header)
            : hasProperty && property.Kind != FieldKind.LongString ? NotText(Property, property)
            : hasHeader && hasProperty ? Precondition("hash-header and hash-property are mutually exclusive")
            : hasProperty && property.TryGetText(out var name) && PropertyNamed(name) == default ? Precondition($"Unsupported property: {name}")
            : null;
    }

    public static BrokerError? CheckKey(string key) =>
        !long.TryParse(key, NumberStyles.AllowLeadingSign, CultureInfo.InvariantCulture, out var weight) ? Precondition($"The binding key must be an integer: <<\"{key}\">>")
        : weight < 1 ? Precondition("The binding key must be greater than 0")
        : null;

    /// <summary>What hash-property may name, or none.</summary>
    public static BasicProperty PropertyNamed(string name) => name switch
    {
        "correlation_id" => BasicProperty.CorrelationId,
        "message_id" => BasicProperty.MessageId,
        "timestamp" => BasicProperty.Timestamp,
        _ => default,
    };

    // RabbitMQ does not foresee it, and answers with an internal error.
    private static BrokerError NotText(string argument, FieldValue value) =>
        Precondition($"invalid type '{FieldText.TypeName(value.Kind)}' for arg '{argument}'");

    private static BrokerError Precondition(string explanation) => new(ReplyCode.PreconditionFailed, explanation);
}
