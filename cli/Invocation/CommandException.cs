using System.Text.Json.Nodes;

namespace Granary.Cli.Invocation;

/// <summary>A command that comes to nothing: what is written to standard error, and what the process ends with.</summary>
internal sealed class CommandException(int exitCode, string text) : Exception(text)
{
    public int ExitCode { get; } = exitCode;

    /// <summary>The text stands by itself, without the line <c>Error:</c> before it.</summary>
    public bool IsPlain { get; init; }

    /// <summary>The command line was wrong: what was given and how the command is called is told, too.</summary>
    public bool IsUsage { get; init; }

    /// <summary>The same for programs that asked for JSON; null: they are told the text, too.</summary>
    public JsonNode? Json { get; init; }

    /// <summary>A check whose exit code says all: with <c>--silent</c> there is nothing to read.</summary>
    public bool IsCheck { get; init; }

    /// <summary>A check that has found something.</summary>
    public static CommandException Found(string text, JsonNode json) => new(Invocation.ExitCode.Unavailable, text) { IsPlain = true, IsCheck = true, Json = json };

    /// <param name="reason">Null: there is no more to say.</param>
    public static CommandException BadArgument(string? reason = null) =>
        NotValid(reason is null ? "Bad argument." : $"Bad argument: {reason}", Invocation.ExitCode.Data);

    public static CommandException NotValid(string reason, int exitCode = Invocation.ExitCode.Usage) =>
        new(exitCode, $"Error (argument validation): {reason}") { IsPlain = true, IsUsage = true };
}
