using System.Globalization;
using System.Text;
using System.Text.Json.Nodes;

namespace Granary.Cli.Commands;

/// <summary>What an import would do, for people: a line for each definition that it would make, change or be refused for.</summary>
internal static class ImportPreview
{
    // What says which one it is, in the order in which it is told.
    private static readonly string[] Names = ["name", "user", "exchange", "component", "source", "destination", "routing_key"];

    /// <param name="difference">The broker's answer.</param>
    public static string Of(JsonNode difference)
    {
        var text = new StringBuilder();
        var counts = new Dictionary<string, int>(StringComparer.Ordinal);
        foreach (var change in difference["changes"]!.AsArray().OfType<JsonObject>())
        {
            var how = change["change"]!.ToString();
            counts[how] = counts.GetValueOrDefault(how) + 1;
            text.Append(how switch { "new" => "+ ", "conflict" => "! ", _ => "~ " }).Append(Named(change));
            if (change["fields"] is JsonObject fields)
            {
                text.Append(": ").AppendJoin(", ", fields.Select(static field => Field(field.Key, field.Value)));
            }

            text.Append('\n');
        }

        foreach (var error in difference["errors"]!.AsArray().OfType<JsonObject>())
        {
            text.Append("! ").Append(Named(error)).Append(": ").Append(error["reason"]).Append('\n');
        }

        return text.Append(
            CultureInfo.InvariantCulture,
            $"{Count("new")} new, {Count("changed")} changed, {difference["same"]} unchanged, {Count("conflict") + difference["errors"]!.AsArray().Count} would be refused").ToString();

        int Count(string how) => counts.GetValueOrDefault(how);
    }

    private static string Named(JsonObject definition)
    {
        var names = string.Join(' ', Names.Where(definition.ContainsKey).Select(name => $"'{definition[name]}'"));
        return $"{definition["kind"]} {names}{(definition.ContainsKey("vhost") ? $" in vhost '{definition["vhost"]}'" : "")}";
    }

    // Of a password there is nothing to show.
    private static string Field(string name, JsonNode? values) => values is JsonObject { Count: > 0 } both
        ? $"{name} {both["before"]?.ToJsonString() ?? "none"} -> {both["after"]?.ToJsonString() ?? "none"}"
        : name;
}
