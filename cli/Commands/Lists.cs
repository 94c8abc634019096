using System.Text.Json.Nodes;
using Granary.Cli.Invocation;
using Granary.Cli.Output;

namespace Granary.Cli.Commands;

/// <summary>Lists whose columns are named on the command line.</summary>
internal static class Lists
{
    /// <exception cref="CommandException">A column is not one of those.</exception>
    public static void Require(CommandCall call, IReadOnlyCollection<string> columns)
    {
        string[] unknown = [.. Named(call.Words).Where(word => !columns.Contains(word)).Distinct()];
        if (unknown.Length > 0)
        {
            throw CommandException.NotValid($"Info key(s) {string.Join(",", unknown)} are not supported");
        }
    }

    /// <param name="usual">The columns when none is named.</param>
    /// <param name="value">Of an item, for a column.</param>
    public static RowsAnswer Of(CommandCall call, IEnumerable<JsonObject> items, string[] usual, Func<JsonObject, string, JsonNode?> value)
    {
        string[] columns = call.Words.Count > 0 ? Named(call.Words) : usual;
        return new RowsAnswer(columns, [.. items.Select(item => (IReadOnlyList<JsonNode?>)[.. columns.Select(column => value(item, column))])]);
    }

    // Also in one word, with commas between them.
    private static string[] Named(IReadOnlyList<string> words) =>
        [.. words.SelectMany(word => word.Split([',', ' '], StringSplitOptions.RemoveEmptyEntries | StringSplitOptions.TrimEntries))];
}
