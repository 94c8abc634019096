using System.Text.Json.Nodes;

namespace Granary.Cli.Output;

/// <summary>What a command has to say when it is done.</summary>
internal abstract record Answer
{
    public static readonly Answer None = new TextAnswer(null);

    public static Answer Of(string text) => new TextAnswer(text);
}

/// <summary>Text for people.</summary>
/// <param name="Json">The same for programs, where there is a form for them.</param>
internal sealed record TextAnswer(string? Text, JsonNode? Json = null) : Answer
{
    /// <summary>Of a check whose exit code says all: with <c>--silent</c> there is nothing to read.</summary>
    public bool IsCheck { get; init; }
}

/// <summary>A list.</summary>
/// <param name="Rows">A value for each column; null is for what there is none of.</param>
/// <param name="HasHeader">The table's first row names the columns.</param>
/// <param name="ShowsNothing">A table without rows is an empty line: so rabbitmqctl does it with some lists.</param>
internal sealed record RowsAnswer(
    IReadOnlyList<string> Columns, IReadOnlyList<IReadOnlyList<JsonNode?>> Rows, bool HasHeader = true, bool ShowsNothing = false) : Answer;
