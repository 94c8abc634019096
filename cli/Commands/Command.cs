using Granary.Cli.Invocation;
using Granary.Cli.Output;

namespace Granary.Cli.Commands;

/// <summary>A command of one of the tools.</summary>
/// <param name="Name">The word that it is called by.</param>
/// <param name="Group">The heading that it stands under in the help.</param>
/// <param name="Summary">One sentence for the help, without its full stop.</param>
/// <param name="Usage">What stands behind the name.</param>
internal sealed record Command(string Name, string Group, string Summary, string Usage)
{
    /// <summary>How many words it needs.</summary>
    public int LeastWords { get; init; }

    /// <summary>How many words it takes; less than it needs: as many as it needs.</summary>
    public int MostWords { get; init; }

    public IReadOnlyList<CommandOption> Options { get; init; } = [];

    /// <summary>What it takes instead of <c>--timeout</c>'s default, in seconds.</summary>
    public double Timeout { get; init; } = 60;

    /// <summary>What it takes instead of <c>--formatter</c>'s default.</summary>
    public string Formatter { get; init; } = "table";

    /// <summary>Looks at the words before anything is asked of the broker.</summary>
    /// <exception cref="CommandException">They cannot be used.</exception>
    public Action<CommandCall>? Check { get; init; }

    /// <summary>It is refused while the node serves clients: <c>stop_app</c> has to come first.</summary>
    public bool NeedsStopped { get; init; }

    /// <summary>What is told before the broker is asked; null: nothing.</summary>
    public Func<CommandCall, Task<string?>> Banner { get; init; } = static _ => Task.FromResult<string?>(null);

    public required Func<CommandCall, Task<Answer>> Run { get; init; }

    public bool TakesWords(int count) => count <= Math.Max(LeastWords, MostWords);

    public bool HasVhost => Options.Contains(CommandOption.Vhost);
}
