using System.Text;
using Granary.Amqp;
using Granary.Core.Routing;
using Granary.Core.Topology;

namespace Granary.Core.Tests.Routing;

/// <summary>Matching word by word and header by header over all bindings: slow, and plain enough to be believed.</summary>
internal static class NaiveMatching
{
    public static SortedSet<string> Match(string exchangeType, IEnumerable<Binding> bindings, string routingKey, FieldTable headers) => new(
        bindings.Where(binding => IsMatch(exchangeType, binding, routingKey, headers)).Select(binding => $"{binding.Destination.Kind} {binding.Destination.Name}"),
        StringComparer.Ordinal);

    private static bool IsMatch(string exchangeType, Binding binding, string routingKey, FieldTable headers) => exchangeType switch
    {
        ExchangeTypes.Fanout => true,
        ExchangeTypes.Direct => binding.RoutingKey == routingKey,
        ExchangeTypes.Topic => IsTopicMatch(Words(binding.RoutingKey), Words(routingKey)),
        _ => IsHeadersMatch(binding.Arguments.Decode(), headers),
    };

    private static string[] Words(string key) => key.Length == 0 ? [] : key.Split('.');

    private static bool IsTopicMatch(ReadOnlySpan<string> pattern, ReadOnlySpan<string> words)
    {
        if (pattern.IsEmpty)
        {
            return words.IsEmpty;
        }

        if (pattern[0] == "#")
        {
            return IsTopicMatch(pattern[1..], words) || (!words.IsEmpty && IsTopicMatch(pattern, words[1..]));
        }

        return !words.IsEmpty && (pattern[0] == "*" || pattern[0] == words[0]) && IsTopicMatch(pattern[1..], words[1..]);
    }

    private static bool IsHeadersMatch(FieldTable arguments, FieldTable headers)
    {
        var mode = arguments.TryGetValue("x-match", out var match) && match.TryGetText(out var text) ? text : "all";
        var withX = mode.EndsWith("-with-x", StringComparison.Ordinal);
        var conditions = arguments
            .Where(argument => withX ? argument.Key != "x-match" : !argument.Key.StartsWith("x-", StringComparison.Ordinal))
            .Select(argument => headers.TryGetValue(argument.Key, out var value) && (argument.Value.Kind == FieldKind.Void || IsSame(argument.Value, value)));
        return mode.StartsWith("any", StringComparison.Ordinal) ? conditions.Any(holds => holds) : conditions.All(holds => holds);
    }

    private static bool IsSame(FieldValue left, FieldValue right) => Term(left) == Term(right);

    // A value as the Erlang term that RabbitMQ decodes it to: without its type, but what is in a list has one.
    private static string Term(FieldValue value)
    {
        if (value.TryGetInteger(out var number))
        {
            return $"{number}";
        }

        if (value.TryGetDouble(out var real))
        {
            return $"float {BitConverter.DoubleToInt64Bits(real)}";
        }

        if (value.TryGetBytes(out var octets))
        {
            return $"<<{Convert.ToHexString(octets.Span)}>>";
        }

        if (value.TryGetTable(out var table))
        {
            return $"[{string.Join(',', table.Select(entry => $"{{{entry.Key},{FieldText.TypeName(entry.Value.Kind)},{Term(entry.Value)}}}"))}]";
        }

        if (value.TryGetArray(out var array))
        {
            return $"[{string.Join(',', array.Select(element => $"{{{FieldText.TypeName(element.Kind)},{Term(element)}}}"))}]";
        }

        return $"{FieldText.TypeName(value.Kind)} {value}";
    }
}

internal static class BindingIndexExtensions
{
    public static SortedSet<string> Names(this BindingIndex index, string routingKey, FieldTable? headers = null)
    {
        var names = new SortedSet<string>(StringComparer.Ordinal);
        foreach (var target in index.Match(Encoding.UTF8.GetBytes(routingKey), [], (headers ?? FieldTable.Empty).Encode()))
        {
            Assert.True(names.Add($"{target.Kind} {target.Name}"), $"{target.Name} was found twice.");
        }

        return names;
    }
}
