using System.Globalization;
using System.Text;
using System.Text.Json;
using System.Text.Json.Nodes;

namespace Granary.Cli.Output;

/// <summary>Values as rabbitmqctl writes them: numbers and names plainly, tables of arguments as lists of pairs.</summary>
internal static class Terms
{
    /// <summary>In a cell of a table.</summary>
    public static string Cell(JsonNode? value) => value switch
    {
        null => "",
        JsonObject table => List(table),
        JsonArray list => $"[{string.Join(", ", list.Select(Cell))}]",
        _ => Plain(value),
    };

    /// <summary>As an Erlang term.</summary>
    public static string Erlang(JsonNode? value) => value switch
    {
        null => "[]",
        JsonObject table => $"[{string.Join(",", table.Select(pair => $"{{<<{Quote(pair.Key)}>>,{Erlang(pair.Value)}}}"))}]",
        JsonArray list => $"[{string.Join(",", list.Select(Erlang))}]",
        _ when value.GetValueKind() == JsonValueKind.String => $"<<{Quote(Plain(value))}>>",
        _ => Plain(value),
    };

    /// <summary>For JSON: a table of arguments becomes a list of name, type and value, for JSON has fewer types than AMQP.</summary>
    public static JsonNode? Json(JsonNode? value) => value switch
    {
        null => "",
        JsonObject table => new JsonArray([.. table.Select(pair => (JsonNode?)new JsonArray(pair.Key, Type(pair.Value), Inner(pair.Value)))]),
        _ => value.DeepClone(),
    };

    /// <summary>As Erlang writes a string: also what would break a line of a table, which text outside of terms may.</summary>
    public static string Quote(string text) => "\"" + text
        .Replace("\\", "\\\\", StringComparison.Ordinal).Replace("\"", "\\\"", StringComparison.Ordinal)
        .Replace("\t", "\\t", StringComparison.Ordinal).Replace("\n", "\\n", StringComparison.Ordinal).Replace("\r", "\\r", StringComparison.Ordinal) + "\"";

    private static string Plain(JsonNode value) => value.GetValueKind() switch
    {
        JsonValueKind.String => value.GetValue<string>(),
        JsonValueKind.True => "true",
        JsonValueKind.False => "false",
        _ => value.ToJsonString(),
    };

    private static string List(JsonObject table)
    {
        var text = new StringBuilder("[");
        foreach (var (name, value) in table)
        {
            text.Append(CultureInfo.InvariantCulture, $"{(text.Length > 1 ? "," : "")}{{{Quote(name)},{Argument(value)}}}");
        }

        return text.Append(']').ToString();
    }

    private static string Argument(JsonNode? value) => value switch
    {
        null => "undefined",
        JsonObject table => List(table),
        JsonArray list => $"[{string.Join(",", list.Select(Argument))}]",
        _ when value.GetValueKind() == JsonValueKind.String => Quote(Plain(value)),
        _ => Plain(value),
    };

    private static JsonNode? Inner(JsonNode? value) => value is JsonObject table ? Json(table) : value?.DeepClone();

    private static string Type(JsonNode? value) => value switch
    {
        null => "void",
        JsonObject => "table",
        JsonArray => "array",
        _ => value.GetValueKind() switch
        {
            JsonValueKind.String => "longstr",
            JsonValueKind.True or JsonValueKind.False => "bool",
            _ when value.AsValue().TryGetValue<int>(out _) => "signedint",
            _ when value.AsValue().TryGetValue<long>(out _) => "long",
            _ => "double",
        },
    };
}
