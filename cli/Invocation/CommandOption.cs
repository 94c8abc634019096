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
        Node, Vhost, Quiet, Silent, Timeout, Formatter, NoTableHeaders, Help,
        new("longnames", 'l'), new("dry-run"), new("script-name", HasValue: true), new("erlang-cookie", HasValue: true), new("print-stacktrace"),
        new("url", HasValue: true), new("user", HasValue: true),

        // Of RabbitMQ's tools, and without an effect here: those who call them give some of these always.
        new("table-headers"), new("printer", HasValue: true), new("file", HasValue: true), new("rabbitmq-home", HasValue: true), new("data-dir", HasValue: true),
        new("mnesia-dir", HasValue: true), new("plugins-dir", HasValue: true), new("enabled-plugins-file", HasValue: true), new("aliases-file", HasValue: true),
    ];
}
