using System.Globalization;
using Granary.Cli.Broker;
using Granary.Cli.Invocation;

namespace Granary.Cli.Commands;

/// <summary>One call of a command.</summary>
/// <param name="connect">Looks anew for where the broker is.</param>
internal sealed class CommandCall(Command command, CommandLine line, BrokerApi broker, TimeSpan timeout, TextReader input, Func<BrokerApi> connect)
{
    public Command Command => command;

    public BrokerApi Broker => broker;

    public TimeSpan Timeout => timeout;

    /// <summary>Standard input, for what must not be an argument.</summary>
    public TextReader Input => input;

    public IReadOnlyList<string> Words => line.Words;

    /// <summary>The commands of the tool.</summary>
    public required Tool Tool { get; init; }

    public string Vhost => line["vhost"] ?? "/";

    /// <summary>The vhost as a segment of a path.</summary>
    public string VhostPath => BrokerApi.Segment(Vhost);

    public string? this[string option] => line[option];

    public bool Has(string option) => line.Has(option);

    /// <summary>For a broker that has come since: where it listens was not known before. To be disposed of.</summary>
    public BrokerApi Connect() => connect();

    /// <summary>Another command of the same broker.</summary>
    public CommandCall Of(Command other, IReadOnlyList<string> given) => new(other, CommandLine.Parse(given, other.Options), broker, timeout, input, connect) { Tool = Tool };

    /// <summary>A word as a segment of a path.</summary>
    public string Path(int word) => BrokerApi.Segment(Words[word]);

    /// <exception cref="CommandException">It is no whole number.</exception>
    public int Number(string text, string what) => int.TryParse(text, NumberStyles.AllowLeadingSign, CultureInfo.InvariantCulture, out var number)
        ? number
        : throw CommandException.NotValid($"{what} must be a number, and is '{text}'");
}
