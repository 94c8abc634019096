namespace Granary.Cli.Tests.Compared;

/// <summary>In what a command's answer is another one than RabbitMQ's.</summary>
[Flags]
internal enum Parts
{
    None = 0,
    Code = 1,

    /// <summary>Numbers alone: in words the answers are the same, and in JSON they have the same names.</summary>
    Figures = 2,

    /// <summary>The words on standard output; in JSON, values that stand under the same names.</summary>
    Words = 4,

    /// <summary>The names in JSON, or whether it is JSON.</summary>
    Names = 8,

    /// <summary>Standard error.</summary>
    Errors = 16,
}

/// <summary>A difference that has to be.</summary>
/// <param name="Line">How the command lines begin that have it.</param>
internal sealed record Difference(string Line, Parts Parts, string Reason)
{
    /// <summary>Where names in JSON begin that each has for itself; null: there are none.</summary>
    public string? Own { get; init; }

    /// <summary>What is told is what happens at that moment: both may have told nothing, or the same, and any part may be as RabbitMQ's by chance.</summary>
    public bool IsOfTheMoment { get; init; }

    public bool IsOf(string line) => line == Line || line.StartsWith($"{Line} ", StringComparison.Ordinal);
}
