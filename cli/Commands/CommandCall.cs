using System.Globalization;
using Granary.Cli.Broker;
using Granary.Cli.Invocation;

namespace Granary.Cli.Commands;

/// <summary>One call of a command.</summary>
internal sealed class CommandCall(Command command, CommandLine line, BrokerApi broker, TimeSpan timeout, TextReader input)
{
    public Command Command => command;

    public BrokerApi Broker => broker;

    public TimeSpan Timeout => timeout;

    /// <summary>Standard input, for what must not be an argument.</summary>
    public TextReader Input => input;

    public IReadOnlyList<string> Words => line.Words;

    public string Vhost => line["vhost"] ?? "/";

    /// <summary>The vhost as a segment of a path.</summary>
    public string VhostPath => BrokerApi.Segment(Vhost);

    public string? this[string option] => line[option];

    public bool Has(string option) => line.Has(option);

    /// <summary>A word as a segment of a path.</summary>
    public string Path(int word) => BrokerApi.Segment(Words[word]);

    /// <exception cref="CommandException">It is no whole number.</exception>
    public int Number(string text, string what) => int.TryParse(text, NumberStyles.AllowLeadingSign, CultureInfo.InvariantCulture, out var number)
        ? number
        : throw CommandException.NotValid($"{what} must be a number, and is '{text}'");
}
