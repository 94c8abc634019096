using System.Text.Json;
using System.Text.Json.Nodes;
using System.Text.RegularExpressions;
using Granary.Cli.Commands;
using Granary.Cli.Invocation;

namespace Granary.Cli.Tests.Compared;

/// <summary>Holds an answer against RabbitMQ's. Names of nodes, versions and process ids are each broker's own, and what a list's order is nobody says.</summary>
internal static partial class Answers
{
    private const string RealVersion = "3.10.8";

    // As a terminal is told to draw one.
    private const string DrawnLine = "\u001b(0";

    /// <param name="own">Where names in JSON begin that each has for itself.</param>
    public static Parts Differing(CtlResult theirs, CtlResult ours, IReadOnlyCollection<string> own)
    {
        var parts = theirs.Code == ours.Code ? Parts.None : Parts.Code;
        parts |= OfTexts(Plain(theirs.Output), Plain(ours.Output), own);
        var (theirErrors, ourErrors) = (Errors(theirs), Errors(ours));

        // What a check has found is JSON there for programs that ask for it.
        return Parse(theirErrors) is null && Parse(ourErrors) is null
            ? theirErrors == ourErrors ? parts : parts | Parts.Errors
            : parts | OfTexts(theirErrors, ourErrors, own);
    }

    private static Parts OfTexts(string theirs, string ours, IReadOnlyCollection<string> own)
    {
        if (theirs == ours)
        {
            return Parts.None;
        }

        if (Parse(theirs) is { } theirJson)
        {
            return Parse(ours) is not { } ourJson || !Shared(theirJson).SetEquals(Shared(ourJson)) ? Parts.Names
                : Sorted(theirJson) == Sorted(ourJson) ? Parts.None
                : Digits().Replace(Sorted(theirJson), "0") == Digits().Replace(Sorted(ourJson), "0") ? Parts.Figures : Parts.Words;
        }

        HashSet<string> Shared(JsonNode json) => [.. Names(json).Where(name => !own.Any(prefix => name.StartsWith(prefix, StringComparison.Ordinal)))];

        var (theirLines, ourLines) = (Lines(theirs), Lines(ours));
        return theirLines == ourLines ? Parts.None : Digits().Replace(theirLines, "0") == Digits().Replace(ourLines, "0") ? Parts.Figures : Parts.Words;
    }

    // How a command is to be called is told in words of one's own.
    private static string Errors(CtlResult result) => Plain(result.Errors) is var text && (result.Code == ExitCode.Usage || text.Contains("\nArguments given:\n", StringComparison.Ordinal))
        ? text.TrimStart('\n').Split('\n')[0]
        : text;

    private static string Plain(string text)
    {
        var plain = NodeName().Replace(text, "NODE").Replace(RealVersion, LocalCommands.Version, StringComparison.Ordinal);

        // How wide a column is depends on the name of the node.
        return plain.Contains(DrawnLine, StringComparison.Ordinal) ? Width().Replace(plain, "$1") : plain;
    }

    private static string Lines(string text) => string.Join('\n', text.TrimStart(',').Split('\n').Select(static line => line.TrimStart(','))
        .Where(static line => !line.StartsWith("internal_cluster_id", StringComparison.Ordinal)).Order(StringComparer.Ordinal));

    private static JsonNode? Parse(string text)
    {
        if (text.Length == 0 || text[0] is not ('{' or '['))
        {
            return null;
        }

        try
        {
            var json = JsonNode.Parse(text);
            Names(json!);
            return json;
        }
        catch (Exception exception) when (exception is JsonException or ArgumentException)
        {
            // It only looks like it, or has a name twice in a table, as RabbitMQ writes it.
            return null;
        }
    }

    /// <summary>All names, each with the names that it stands under.</summary>
    private static HashSet<string> Names(JsonNode json)
    {
        HashSet<string> names = [];
        Add(json, "");
        return names;

        void Add(JsonNode? node, string path)
        {
            switch (node)
            {
                case JsonObject table:
                    foreach (var (name, value) in table)
                    {
                        names.Add($"{path}.{name}");
                        Add(value, $"{path}.{name}");
                    }

                    break;
                case JsonArray list:
                    foreach (var item in list)
                    {
                        Add(item, $"{path}[]");
                    }

                    break;
            }
        }
    }

    private static string Sorted(JsonNode? json) => json switch
    {
        JsonObject table => $"{{{string.Join(',', table.OrderBy(static pair => pair.Key, StringComparer.Ordinal).Select(static pair => $"{pair.Key}:{Sorted(pair.Value)}"))}}}",
        JsonArray list => $"[{string.Join(',', list.Select(Sorted).Order(StringComparer.Ordinal))}]",
        _ => json?.ToJsonString() ?? "null",
    };

    /// <summary>Names that one answer has and the other has not.</summary>
    public static string NamesApart(CtlResult theirs, CtlResult ours)
    {
        if (Parse(Plain(theirs.Output)) is not { } theirJson || Parse(Plain(ours.Output)) is not { } ourJson)
        {
            return "";
        }

        var (theirNames, ourNames) = (Names(theirJson), Names(ourJson));
        return $"    only RabbitMQ's: {string.Join(' ', theirNames.Except(ourNames))}\n    only here: {string.Join(' ', ourNames.Except(theirNames))}\n";
    }

    [GeneratedRegex(@"\b(granary\d+|rabbit)@[\w-]+")]
    private static partial Regex NodeName();

    [GeneratedRegex("([ q])\\1+")]
    private static partial Regex Width();

    [GeneratedRegex(@"\d+(\.\d+)?")]
    private static partial Regex Digits();
}
