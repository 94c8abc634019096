using System.Text.Json.Nodes;
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
        Refused(
            "rename_cluster_node", Cluster, "Renames cluster nodes in the local database", "<oldnode1> <newnode1> [oldnode2] [newnode2] ...", 2,
            "A node is called what --node-name (RABBITMQ_NODENAME) says when it starts, else by its machine: nothing is stored by its name. Restart it with another one."),
        Refused("set_channel_interceptor_priorities", Configuration, "Sets the priorities of the given channel interceptors on the running node", "<interceptor> <priority> [<interceptor> <priority> ...]", 2, "There are no channel interceptors, for there are no plugins (list_channel_interceptors)."),
        Refused("add_signing_key", Configuration, "Add signing key required to validate JWT's digital signatures", "<id> [--json=<json_key>] [--pem=<public_key>] [--pem-file=<pem_file>]", 1, "Keys of tokens are configured: --oauth-signing-keys id=file, or --oauth-jwks-url (docs/operations.md, \"Other logins\").", "json", "pem", "pem-file"),
        Refused("add_uaa_key", Configuration, "DEPRECATED. Use instead add_signing_key", "<id> [--json=<json_key>] [--pem=<public_key>] [--pem-file=<pem_file>]", 1, "Keys of tokens are configured: --oauth-signing-keys id=file, or --oauth-jwks-url (docs/operations.md, \"Other logins\").", "json", "pem", "pem-file"),
        Refused("reset_stats_db", "Deprecated", "Resets statistics database. This will remove all metrics data!", "[--all]", 0, "Figures are kept in memory, of the last minutes alone, and begin anew with the node's process: there is no database of them."),
        new("reconcile_vhosts", "Virtual hosts", "Makes sure all virtual hosts were initialized on all reachable cluster nodes", "")
        {
            Banner = static _ => UserCommands.Told("Will try to initiate virtual host reconciliation on all reachable cluster nodes..."),
            Run = static async call => new TextAnswer(
                "There is nothing to do: a virtual host is there for all nodes as soon as it is made.", (await ControlCommands.DoneAsync(call) as TextAnswer)!.Json),
        },
        new("list_channel_interceptors", Observability, "Lists registered channel interceptors with their name, intercepted AMQP operations, and priority", "[--no-table-headers]")
        {
            Banner = static _ => UserCommands.Told("Listing channel interceptors ..."),
            Run = static async call =>
            {
                // That it answers is enough.
                await call.Broker.OverviewAsync();
                return new RowsAnswer(["name", "applies_to", "priority"], []);
            },
        },
        .. Everywhere,
    ];

    /// <summary>Of rabbitmqctl and rabbitmq-diagnostics, and one of rabbitmq-upgrade: what a script asks before it goes on.</summary>
    public static IEnumerable<Command> Checks =>
    [
        new("has_reached_target_cluster_size", "Upgrade", "Health check that exits with a non-zero code if the cluster has not yet reached its target size", "")
        {
            Banner = static async call => $"Checking if target cluster size has been reached on node {await call.Broker.NodeAsync()} ...",
            Run = static async call => new TextAnswer($"Target cluster size has been reached on node {await call.Broker.NodeAsync()}", new JsonObject { ["result"] = "ok" }),
        },
        new("check_if_any_deprecated_features_are_used", Observability, "Generate a report listing all deprecated features in use", "")
        {
            Banner = static _ => UserCommands.Told("Checking if any deprecated features are used ..."),
            Run = static async call => (await call.Broker.ListAsync("deprecated-features/used")).Count > 0
                ? throw new CommandException(ExitCode.Unavailable, "Cluster reported deprecated features in use")
                : new TextAnswer("Cluster reported no deprecated features in use", new JsonObject { ["result"] = "ok" }),
        },
        new("activate_free_disk_space_monitoring", Observability, "[Re-]activates free disk space monitoring on a node", "")
        {
            Banner = static async call => $"Activating free disk space monitoring on node {await call.Broker.NodeAsync()}...",
            Run = static async call => new TextAnswer("Free disk space is always monitored.", (await ControlCommands.DoneAsync(call) as TextAnswer)!.Json),
        },
        Refused(
            "deactivate_free_disk_space_monitoring", Observability, "Deactivates free disk space monitoring on a node", "", 0,
            "Free disk space is always monitored: a node that did not would fail when the disk is full. How much has to be free is set by set_disk_free_limit."),
    ];

    /// <summary>Of rabbitmq-streams.</summary>
    public static IEnumerable<Command> OfStreams =>
    [
        Refused("coordinator_status", Observability, "Displays raft status of the stream coordinator", "", 0, "Streams have no coordinator: each is in the store, and the silo that serves it is told by stream_status."),
    ];

    /// <summary>Of rabbitmq-diagnostics.</summary>
    public static IEnumerable<Command> OfDiagnostics =>
    [
        .. Everywhere,
        Refused("observer", Observability, "Starts a CLI observer interface on the target node", "[--interval <interval>]", 0, $"{NoErlang} to observe. runtime_thread_stats and memory_breakdown tell what its process does; dotnet-counters and dotnet-trace look closer.", "interval"),
        Refused("remote_shell", Observability, "Starts an interactive Erlang shell on the target node", "", 0, $"{NoErlang}: there is no shell into a node. rabbitmqctl and the management API are the ways to ask it."),
        Refused("erlang_cookie_hash", Configuration, "Displays a hash of the Erlang cookie (shared secret) used by the target node", "", 0, $"{NoErlang} cookie. Members know each other by certificates (docs/operations.md, \"Who may join\"), tools by a socket or a password."),
        Refused("erlang_cookie_sources", Configuration, "Display Erlang cookie source information useful for troubleshooting", "", 0, $"{NoErlang} cookie. Members know each other by certificates (docs/operations.md, \"Who may join\"), tools by a socket or a password."),
        Refused("metadata_store_status", Observability, "Displays quorum status of Khepri metadata store", "", 0, "There is no Khepri: definitions are in the store, of which check_if_metadata_store_is_initialized tells whether it answers (docs/operations.md, \"Store\")."),
        Refused("message_size_stats", Observability, "Displays message size distribution statistics aggregated across all cluster nodes", "", 0, "Sizes of messages are not counted one by one: list_queues name messages message_bytes has the bytes of each queue, from which their mean follows."),
        .. OfStreams,
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
        MostWords = usage.Contains("...", StringComparison.Ordinal) ? int.MaxValue : words,
        Options = [new("all", 'a'), new("offline"), .. options.Select(static option => new CommandOption(option, option is "duration" or "interval" ? option[0] : null, HasValue: true))],
        Run = _ => throw new CommandException(ExitCode.Unavailable, reason),
    };
}
