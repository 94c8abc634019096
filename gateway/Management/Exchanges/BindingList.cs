using System.Buffers.Text;
using System.Security.Cryptography;
using System.Text;
using System.Text.Json.Serialization;
using Granary.Amqp;
using Granary.Core;
using Granary.Core.Figures;
using Granary.Core.Grains;
using Granary.Core.Topology;

namespace Granary.Gateway.Management.Exchanges;

/// <summary>A binding as RabbitMQ's management tells it.</summary>
internal sealed record BindingJson
{
    public required string Source { get; init; }

    public required string Vhost { get; init; }

    public required string Destination { get; init; }

    /// <summary><c>queue</c> or <c>exchange</c>.</summary>
    public required string DestinationType { get; init; }

    public required string RoutingKey { get; init; }

    public required FieldTable Arguments { get; init; }

    /// <summary>Which binding of those between the two, for paths.</summary>
    public required string PropertiesKey { get; init; }

    [JsonIgnore]
    public EncodedTable EncodedArguments { get; init; }

    public static BindingJson Of(string vhost, string source, Binding binding) => new()
    {
        Source = source,
        Vhost = vhost,
        Destination = binding.Destination.Name,
        DestinationType = binding.Destination.Kind == DestinationKind.Queue ? "queue" : "exchange",
        RoutingKey = binding.RoutingKey,
        Arguments = binding.Arguments.IsEmpty ? FieldTable.Empty : binding.Arguments.Decode(),
        EncodedArguments = binding.Arguments,
        PropertiesKey = BindingKey.Of(binding.RoutingKey, binding.Arguments),
    };
}

/// <summary>
/// What names a binding among those between the same two: <c>~</c>, or its routing key, or the key and a digest of its arguments (rabbit_mgmt_format's
/// pack_binding_props). The digest is another one than RabbitMQ's: clients take it as it is told.
/// </summary>
internal static class BindingKey
{
    public static string Of(string routingKey, EncodedTable arguments) =>
        arguments.IsEmpty ? routingKey.Length == 0 ? "~" : Quote(routingKey) : $"{Quote(routingKey)}~{Quote(DigestOf(arguments))}";

    private static string DigestOf(EncodedTable arguments) => Base64Url.EncodeToString(SHA256.HashData(arguments.Bytes.Span).AsSpan(0, 6));

    private static string Quote(string text)
    {
        var quoted = new StringBuilder();
        foreach (var octet in Encoding.UTF8.GetBytes(text))
        {
            _ = octet switch
            {
                (byte)' ' => quoted.Append('+'),
                _ when char.IsAsciiLetterOrDigit((char)octet) || octet is (byte)'.' or (byte)'-' => quoted.Append((char)octet),
                _ => quoted.Append('%').Append(octet.ToString("X2", System.Globalization.CultureInfo.InvariantCulture)),
            };
        }

        return quoted.ToString();
    }
}

/// <summary>All bindings of a picture, those that every queue has with the default exchange first.</summary>
internal static class BindingList
{
    public static IEnumerable<BindingJson> Of(Picture picture, string? vhost)
    {
        var prefix = vhost is null ? "" : GrainKeys.For(vhost, "");
        var queues = picture.Queues.Where(queue => queue.Figure.Key.StartsWith(prefix, StringComparison.Ordinal))
            .Select(queue => GrainKeys.Parse(queue.Figure.Key))
            .OrderBy(queue => queue.Vhost, StringComparer.Ordinal).ThenBy(queue => queue.Name, StringComparer.Ordinal)
            .Select(queue => BindingJson.Of(queue.Vhost, "", new Binding(new Destination(DestinationKind.Queue, queue.Name, default), queue.Name, EncodedTable.Empty)));
        var others = picture.Exchanges.Where(exchange => exchange.Key.StartsWith(prefix, StringComparison.Ordinal))
            .OrderBy(exchange => exchange.Key, StringComparer.Ordinal)
            .SelectMany(ToJson);
        return queues.Concat(others);
    }

    private static IEnumerable<BindingJson> ToJson(ExchangeFigure exchange)
    {
        var (vhost, name) = GrainKeys.Parse(exchange.Key);
        return exchange.Bindings.Select(binding => BindingJson.Of(vhost, name, binding))
            .OrderBy(binding => binding.Destination, StringComparer.Ordinal).ThenBy(binding => binding.RoutingKey, StringComparer.Ordinal);
    }
}
