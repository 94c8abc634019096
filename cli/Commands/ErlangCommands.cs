using Granary.Cli.Invocation;
using Granary.Cli.Output;

namespace Granary.Cli.Commands;

/// <summary>What only makes sense with Erlang, or with a database of RabbitMQ's: each says why there is nothing to do, or what to do instead.</summary>
internal static class ErlangCommands
{
    private const string Observability = "Monitoring, observability and health checks";
    private const string Configuration = "Configuration and Environment";
    private const string Cluster = "Cluster";
    private const string NoErlang = "Granary runs on .NET, and has no Erlang";

    /// <summary>Of rabbitmqctl.</summary>
    public static IEnumerable<Command> OfCtl =>
    [
        Refused("exec", "Operations", "Evaluates a snippet of Elixir code on the CLI node", "<expr>", 1, "Granary's tools run on .NET: there is no Elixir to evaluate anything. eval answers the expressions that known tools send."),
        new("hipe_compile", "Deprecated", "DEPRECATED. This command is a no-op", "<directory>")
        {
            LeastWords = 1,
            Run = static async call => new TextAnswer(
                "This command is a no-op. HiPE is no longer supported by modern Erlang versions", (await ControlCommands.DoneAsync(call) as TextAnswer)!.Json),
        },
        new("force_boot", Cluster, "Forces node to start even if it cannot contact or rejoin any of its previously known peers", "")
        {
            Run = static call => Task.FromResult(Answer.Of("A node never waits for its former peers when it starts: what a cluster has is in PostgreSQL.")),
        },
        new("update_cluster_nodes", Cluster, "Instructs a cluster member node to sync the list of known cluster members from <seed_node>", "<seed_node>")
        {
            LeastWords = 1,
            Banner = static async call => $"{await call.Broker.NodeAsync()} will seed from {call.Words[0]} on next start",
            Run = static async call => await NodeCommands.IsMemberAsync(call, call.Words[0])
                ? Answer.Of("Both are members of one cluster: members find each other in PostgreSQL, and keep no list of their own.")
                : throw new CommandException(
                    ExitCode.Unavailable,
                    $"{call.Words[0]} is no member of this cluster. Members find each other in PostgreSQL: start both with the same --connection and --cluster-id."),
        },
        Refused(
            "rename_cluster_node", Cluster, "Renames cluster nodes in the local database", "<oldnode1> <newnode1> [oldnode2] [newnode2] ...", 2,
            "A node is called what --node-name (RABBITMQ_NODENAME) says when it starts, else by its machine: nothing is stored by its name. Restart it with another one."),
        .. Everywhere,
    ];

    /// <summary>Of rabbitmq-diagnostics.</summary>
    public static IEnumerable<Command> OfDiagnostics =>
    [
        .. Everywhere,
        Refused("observer", Observability, "Starts a CLI observer interface on the target node", "[--interval <interval>]", 0, $"{NoErlang} to observe. runtime_thread_stats and memory_breakdown tell what its process does; dotnet-counters and dotnet-trace look closer.", "interval"),
        Refused("remote_shell", Observability, "Starts an interactive Erlang shell on the target node", "", 0, $"{NoErlang}: there is no shell into a node. rabbitmqctl and the management API are the ways to ask it."),
        Refused("erlang_cookie_hash", Configuration, "Displays a hash of the Erlang cookie (shared secret) used by the target node", "", 0, $"{NoErlang} cookie. Members know each other by certificates (docs/operations.md, \"Who may join\"), tools by a socket or a password."),
        Refused("erlang_cookie_sources", Configuration, "Display Erlang cookie source information useful for troubleshooting", "", 0, $"{NoErlang} cookie. Members know each other by certificates (docs/operations.md, \"Who may join\"), tools by a socket or a password."),
        Refused("consume_event_stream", Observability, "Streams internal events from a running node. Output is jq-compatible.", "[--duration|-d <seconds>] [--pattern <pattern>]", 0, "A node has no stream of internal events. log_tail_stream shows what is logged, and /api/events what changes (docs/operations.md, \"Management API and metrics\").", "duration", "pattern"),
        Refused("cipher_suites", Observability, "Lists cipher suites enabled by default", "[--format <openssl | erlang | map>] [--all]", 0, "Which cipher suites are offered is up to OpenSSL on the node's machine: 'openssl ciphers -s -v' there lists them, and sslscan asks the port.", "format"),
    ];

    // Of both.
    private static IEnumerable<Command> Everywhere =>
    [
        Refused("schema_info", Observability, "Lists schema database tables and their properties", "[<column> ...]", 0, "There is no schema database of Erlang's (Mnesia): definitions are in the store (docs/operations.md, \"Store\"), and export_definitions has them all."),
    ];

    private static Command Refused(string name, string group, string summary, string usage, int words, string reason, params string[] options) => new(name, group, summary, usage)
    {
        LeastWords = words,
        MostWords = int.MaxValue,
        Options = [new("all", 'a'), .. options.Select(static option => new CommandOption(option, option == "duration" ? 'd' : null, HasValue: true))],
        Run = _ => throw new CommandException(ExitCode.Unavailable, reason),
    };
}
