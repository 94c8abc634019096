using System.Text.Encodings.Web;
using System.Text.Json;
using System.Text.Json.Nodes;
using Granary.Cli.Invocation;

namespace Granary.Cli.Commands;

/// <summary>JSON that stands on a command line, and in a cell.</summary>
internal static class Json
{
    internal static readonly JsonSerializerOptions Relaxed = new() { Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping };

    /// <exception cref="CommandException">It is none.</exception>
    public static JsonObject Object(string text)
    {
        try
        {
            return JsonNode.Parse(text) as JsonObject ?? throw new CommandException(ExitCode.Unavailable, "JSON decoding error. Reason: an object is needed");
        }
        catch (JsonException)
        {
            throw new CommandException(ExitCode.Unavailable, "JSON decoding error. Reason: badarg");
        }
    }

    /// <summary>The same of limits, in the order of their names.</summary>
    public static JsonValue Sorted(JsonNode? limits) => Text(
        limits is JsonObject table ? new JsonObject(table.OrderBy(static limit => limit.Key, StringComparer.Ordinal).Select(static limit => KeyValuePair.Create(limit.Key, limit.Value?.DeepClone()))) : limits);

    /// <summary>A value that is shown as it is written in JSON.</summary>
    public static JsonValue Text(JsonNode? value) => JsonValue.Create(value?.ToJsonString(Relaxed) ?? "");
}
