using System.Globalization;
using System.Text;
using System.Text.Json;

namespace Granary.Core.Policies;

/// <summary>JSON as RabbitMQ has it: printed in errors as Erlang's <c>~tp</c> prints what it is decoded to, and stored with its keys in order.</summary>
public static class JsonTerm
{
    /// <summary>Of a key or a text: <c>&lt;&lt;"…"&gt;&gt;</c>.</summary>
    public static string Text(string text)
    {
        ArgumentNullException.ThrowIfNull(text);
        var escaped = text.Replace("\\", "\\\\", StringComparison.Ordinal).Replace("\"", "\\\"", StringComparison.Ordinal).Replace("\n", "\\n", StringComparison.Ordinal);
        return text.Length == 0 ? "<<>>" : text.Any(static letter => letter > 127) ? $"<<\"{escaped}\"/utf8>>" : $"<<\"{escaped}\">>";
    }

    public static string Of(JsonElement value) => value.ValueKind switch
    {
        JsonValueKind.String => Text(value.GetString()!),
        JsonValueKind.True => "true",
        JsonValueKind.False => "false",
        JsonValueKind.Null or JsonValueKind.Undefined => "null",
        JsonValueKind.Number => Number(value),
        JsonValueKind.Array => $"[{string.Join(',', value.EnumerateArray().Select(Of))}]",
        _ => $"#{{{string.Join(',', Sorted(value).Select(static member => $"{Text(member.Name)} => {Of(member.Value)}"))}}}",
    };

    /// <summary>Entries of an object as a list of pairs: <c>[{&lt;&lt;"a"&gt;&gt;,5}]</c>.</summary>
    public static string Pairs(IEnumerable<JsonProperty> members) => $"[{string.Join(',', members.Select(static member => $"{{{Text(member.Name)},{Of(member.Value)}}}"))}]";

    /// <summary>Without spaces, the keys of each object in order and each of them once.</summary>
    public static string Normal(JsonElement value)
    {
        using var text = new MemoryStream();
        using (var writer = new Utf8JsonWriter(text, new JsonWriterOptions { Encoder = System.Text.Encodings.Web.JavaScriptEncoder.UnsafeRelaxedJsonEscaping }))
        {
            Write(writer, value);
        }

        return Encoding.UTF8.GetString(text.GetBuffer(), 0, (int)text.Length);
    }

    /// <summary>What a text holds that is known to be JSON.</summary>
    public static JsonElement Parse(string json)
    {
        using var document = JsonDocument.Parse(json);
        return document.RootElement.Clone();
    }

    private static string Number(JsonElement value)
    {
        var text = value.GetRawText();
        return text.AsSpan().IndexOfAny('.', 'e', 'E') < 0 ? text
            : value.GetDouble() is var number && double.IsInteger(number) && Math.Abs(number) < 1e15 ? number.ToString("0.0", CultureInfo.InvariantCulture)
            : number.ToString("R", CultureInfo.InvariantCulture);
    }

    // Of a key that is there twice the last counts.
    private static IEnumerable<JsonProperty> Sorted(JsonElement value) =>
        value.EnumerateObject().GroupBy(static member => member.Name, StringComparer.Ordinal).Select(static same => same.Last()).OrderBy(static member => member.Name, StringComparer.Ordinal);

    private static void Write(Utf8JsonWriter writer, JsonElement value)
    {
        switch (value.ValueKind)
        {
            case JsonValueKind.Object:
                writer.WriteStartObject();
                foreach (var member in Sorted(value))
                {
                    writer.WritePropertyName(member.Name);
                    Write(writer, member.Value);
                }

                writer.WriteEndObject();
                break;
            case JsonValueKind.Array:
                writer.WriteStartArray();
                foreach (var item in value.EnumerateArray())
                {
                    Write(writer, item);
                }

                writer.WriteEndArray();
                break;
            default:
                value.WriteTo(writer);
                break;
        }
    }
}
