using System.Text.Json;
using System.Text.Json.Nodes;
using Granary.Gateway.Management.Frame;

namespace Granary.Gateway.Management.Definitions;

/// <summary>What an import of a definitions file would do, without doing it.</summary>
internal static class DefinitionsDiff
{
    private const string Queue = "queue", Exchange = "exchange", Binding = "binding", User = "user", TypeArgument = "x-queue-type";

    // Each list of a file, in the order of the import, and what its members are told apart by.
    private static readonly (string Kind, string List, string[] Key)[] Kinds =
    [
        (User, "users", ["name"]),
        ("vhost", "vhosts", ["name"]),
        ("permission", "permissions", ["vhost", "user"]),
        ("topic_permission", "topic_permissions", ["vhost", "user", "exchange"]),
        (Exchange, "exchanges", ["vhost", "name"]),
        ("policy", "policies", ["vhost", "name"]),
        ("global_parameter", "global_parameters", ["name"]),
        ("parameter", "parameters", ["vhost", "component", "name"]),
        (Queue, "queues", ["vhost", "name"]),
        (Binding, "bindings", ["vhost", "source", "destination_type", "destination", "routing_key", "arguments"]),
    ];

    // A hash of a password is nothing to show where it is only looked at.
    private static readonly string[] Hidden = ["password_hash", "hashing_algorithm", "password"];

    /// <param name="now">What there is, in the same form.</param>
    /// <param name="into">The vhost that all of the file is for; null: each definition says it.</param>
    public static JsonObject Of(DefinitionsFile now, DefinitionsFile file, string? into)
    {
        var (before, after) = (ToJson(now), ToJson(file));
        HashSet<string> vhosts = into is null ? [.. Members(before, "vhosts").Concat(Members(after, "vhosts")).Select(static vhost => TextOf(vhost, "name"))] : [into];
        HashSet<(string Kind, string Vhost, string Name)> bindable =
            [.. Bindable(before, "exchanges", Exchange), .. Bindable(after, "exchanges", Exchange), .. Bindable(before, "queues", Queue), .. Bindable(after, "queues", Queue)];
        var (changes, errors, same) = (new JsonArray(), new JsonArray(), 0);
        foreach (var (kind, list, key) in Kinds.Where(kind => into is null || kind.Key[0] == "vhost"))
        {
            var known = new Dictionary<string, JsonObject>(StringComparer.Ordinal);
            foreach (var member in Members(before, list))
            {
                known[KeyOf(member, key, into)] = member;
            }

            foreach (var member in Members(after, list).Where(member => IsMade(kind, member)))
            {
                var vhost = into ?? TextOf(member, "vhost");
                if (key[0] == "vhost" && !vhosts.Contains(vhost))
                {
                    errors.Add(Named(kind, member, key, into, ("reason", $"vhost '{vhost}' does not exist")));
                }
                else if (kind == Binding && Missing(member) is { } missing)
                {
                    errors.Add(Named(kind, member, key, into, ("reason", $"no {missing.Kind} '{missing.Name}' in vhost '{vhost}': passed over")));
                }
                else if (!known.TryGetValue(KeyOf(member, key, into), out var there))
                {
                    changes.Add(Named(kind, member, key, into, ("change", "new")));
                }
                else if (Differences(kind, there, member) is { Count: > 0 } fields)
                {
                    // What is declared otherwise than it is there is refused.
                    changes.Add(Named(kind, member, key, into, ("change", kind is Queue or Exchange ? "conflict" : "changed"), ("fields", fields)));
                }
                else
                {
                    same++;
                }
            }
        }

        return new JsonObject { ["changes"] = changes, ["errors"] = errors, ["same"] = same };

        IEnumerable<(string Kind, string Vhost, string Name)> Bindable(JsonObject all, string list, string kind) =>
            Members(all, list).Select(member => (kind, into ?? TextOf(member, "vhost"), TextOf(member, "name")));

        (string Kind, string Name)? Missing(JsonObject binding)
        {
            (string Kind, string Name)[] ends =
                [(Exchange, TextOf(binding, "source")), (TextOf(binding, "destination_type") == Exchange ? Exchange : Queue, TextOf(binding, "destination"))];
            var vhost = into ?? TextOf(binding, "vhost");
            return ends.Where(end => !IsStandard(end) && !bindable.Contains((end.Kind, vhost, end.Name))).Select(static end => ((string, string)?)end).FirstOrDefault();
        }
    }

    // Each vhost has them, and no file.
    private static bool IsStandard((string Kind, string Name) end) => end.Kind == Exchange && end.Name.StartsWith("amq.", StringComparison.Ordinal);

    private static JsonObject ToJson(DefinitionsFile file) => JsonSerializer.SerializeToNode(file, ApiJson.Default.DefinitionsFile)!.AsObject();

    private static IEnumerable<JsonObject> Members(JsonObject file, string list) => file[list] is JsonArray all ? all.OfType<JsonObject>() : [];

    private static string TextOf(JsonObject member, string field) => member[field]?.ToString() ?? "";

    // As the import: what is there anyway is passed over.
    private static bool IsMade(string kind, JsonObject member) => kind switch
    {
        Exchange => TextOf(member, "name") is { Length: > 0 } name && !name.StartsWith("amq.", StringComparison.Ordinal),
        Binding => TextOf(member, "source").Length > 0,
        _ => true,
    };

    private static string KeyOf(JsonObject member, string[] key, string? into) =>
        string.Join('\0', key.Select(field => field == "vhost" && into is not null ? into : Sorted(member[field])?.ToJsonString() ?? ""));

    // Arguments are the same in whichever order they stand.
    private static JsonNode? Sorted(JsonNode? node) => node is JsonObject table
        ? new JsonObject(table.OrderBy(static field => field.Key, StringComparer.Ordinal).Select(static field => KeyValuePair.Create(field.Key, Sorted(field.Value))))
        : node?.DeepClone();

    private static JsonObject Named(string kind, JsonObject member, string[] key, string? into, params (string Name, JsonNode Value)[] more)
    {
        var named = new JsonObject { ["kind"] = kind };
        foreach (var field in key)
        {
            named[field] = field == "vhost" && into is not null ? into : member[field]?.DeepClone();
        }

        foreach (var (name, value) in more)
        {
            named[name] = value;
        }

        return named;
    }

    // What a file does not say stays as it is.
    private static JsonObject Differences(string kind, JsonObject there, JsonObject member)
    {
        var (before, after) = kind == Queue ? (Typed(there), Typed(member)) : (there, member);
        var fields = new JsonObject();
        foreach (var (name, value) in after)
        {
            if (value is null || name == "vhost" || JsonNode.DeepEquals(Sorted(before[name]), Sorted(value)))
            {
                continue;
            }

            fields[name] = kind == User && Hidden.Contains(name)
                ? new JsonObject()
                : new JsonObject { ["before"] = before[name]?.DeepClone(), ["after"] = value.DeepClone() };
        }

        return fields;
    }

    // The type of a queue stands beside its arguments, or among them.
    private static JsonObject Typed(JsonObject queue)
    {
        var typed = queue.DeepClone().AsObject();
        var arguments = typed["arguments"] as JsonObject;
        typed["type"] = arguments?[TypeArgument]?.ToString() ?? typed["type"]?.ToString() ?? "classic";
        arguments?.Remove(TypeArgument);
        return typed;
    }
}
