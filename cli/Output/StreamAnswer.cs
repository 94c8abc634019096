namespace Granary.Cli.Output;

/// <summary>Lines that are told as they come.</summary>
internal sealed record StreamAnswer(IAsyncEnumerable<string> Lines) : Answer;
