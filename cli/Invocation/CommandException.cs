namespace Granary.Cli.Invocation;

/// <summary>A command that comes to nothing: what is written to standard error, and what the process ends with.</summary>
internal sealed class CommandException(int exitCode, string text) : Exception(text)
{
    public int ExitCode { get; } = exitCode;

    /// <summary>The text stands by itself, without the line <c>Error:</c> before it.</summary>
    public bool IsPlain { get; init; }

    /// <summary>The command line was wrong: what was given and how the command is called is told, too.</summary>
    public bool IsUsage { get; init; }

    /// <param name="reason">Null: there is no more to say.</param>
    public static CommandException BadArgument(string? reason = null) =>
        NotValid(reason is null ? "Bad argument." : $"Bad argument: {reason}", Invocation.ExitCode.Data);

    public static CommandException NotValid(string reason, int exitCode = Invocation.ExitCode.Usage) =>
        new(exitCode, $"Error (argument validation): {reason}") { IsPlain = true, IsUsage = true };
}
