namespace Granary.Cli.Invocation;

/// <summary>What may stand on a command line behind two dashes.</summary>
/// <param name="Name">Without the dashes.</param>
/// <param name="Short">One letter, behind one dash; null without.</param>
/// <param name="HasValue">A value follows, or stands behind a sign of equality; else it is a switch.</param>
internal sealed record CommandOption(string Name, char? Short = null, bool HasValue = false)
{
    public static readonly CommandOption Node = new("node", 'n', HasValue: true);
    public static readonly CommandOption Vhost = new("vhost", 'p', HasValue: true);
    public static readonly CommandOption Quiet = new("quiet", 'q');
    public static readonly CommandOption Silent = new("silent", 's');
    public static readonly CommandOption Timeout = new("timeout", 't', HasValue: true);
    public static readonly CommandOption Formatter = new("formatter", HasValue: true);
    public static readonly CommandOption NoTableHeaders = new("no-table-headers");
    public static readonly CommandOption Help = new("help", '?');

    /// <summary>What each command takes.</summary>
    public static readonly CommandOption[] Everywhere =
    [
        Node, Quiet, Silent, Timeout, Formatter, NoTableHeaders, Help,
        new("longnames", 'l'), new("dry-run"), new("script-name", HasValue: true), new("erlang-cookie", HasValue: true), new("print-stacktrace"),
        new("url", HasValue: true), new("user", HasValue: true),
    ];
}
