namespace Granary.Cli.Commands;

/// <summary>One of the programs that scripts call: each has some of the commands.</summary>
internal sealed class Tool
{
    private static readonly Command[] Ctl =
    [
        .. LocalCommands.All, WaitCommand.Of, ReportCommand.Of, .. SecretCommands.All, .. SystemCommands.OfCtl, .. ErlangCommands.OfCtl, .. ErlangCommands.Checks, .. MirroringCommands.OfCtl, .. NodeCommands.All, .. StatusCommands.All, .. ClusterCommands.All, .. UserCommands.All, .. AccessCommands.All, .. VhostCommands.All, .. InspectCommands.All, .. PolicyCommands.All, .. OperationCommands.All, .. ControlCommands.All, .. EvalCommands.All,
        .. ReplicaCommands.Mirrors,
    ];

    private Tool(string name, IEnumerable<Command> commands) => (Name, Commands) = (name, [.. commands]);

    public string Name { get; }

    public IReadOnlyList<Command> Commands { get; }

    /// <param name="name">As it was called; granaryctl has the commands of all.</param>
    public static Tool Of(string name) => name switch
    {
        "rabbitmqctl" => new Tool(name, Ctl.Where(static command => command.Name != "rebalance")),
        "rabbitmq-diagnostics" => new Tool(name,
        [
            .. DiagnosticsCommands.All, .. LogCommands.All, .. EventCommands.All, .. SystemCommands.All, .. ErlangCommands.OfDiagnostics, .. ErlangCommands.Checks, .. MirroringCommands.OfQueues, .. ReplicaCommands.Critical, .. ReplicaCommands.Queues.Where(static command => command.Name == "reclaim_quorum_memory"), .. ReplicaCommands.Queues.Concat(ReplicaCommands.Streams).Where(static command => command.Name.EndsWith("_status", StringComparison.Ordinal)),
            .. Ctl.Where(static command => command.Name is "ping" or "status" or "cluster_status" or "version" or "environment" or "node_health_check" or "wait" or "report" or "autocomplete" || command.Name.StartsWith("list_", StringComparison.Ordinal)),
        ]),
        "rabbitmq-plugins" => new Tool(name, [.. PluginCommands.All, .. LocalCommands.All.Where(static command => command.Name is "version" or "autocomplete")]),
        "rabbitmq-upgrade" => new Tool(name, [.. UpgradeCommands.All, .. Ctl.Where(static command => command.Name is "has_reached_target_cluster_size" or "status" or "cluster_status" or "version" or "autocomplete")]),
        "rabbitmq-queues" => new Tool(name, [.. ReplicaCommands.Queues, .. MirroringCommands.OfQueues, .. ReplicaCommands.Streams.Where(static command => command.Name == "stream_status"), .. Ctl.Where(static command => command.Name is "rebalance" or "version" or "status" or "autocomplete")]),
        "rabbitmq-streams" => new Tool(name,
        [
            .. ReplicaCommands.Streams, .. ReplicaCommands.StreamReplicas, .. SuperStreamCommands.All, .. ErlangCommands.OfStreams,
            .. Ctl.Where(static command => command.Name is "version" or "status" or "autocomplete"),
        ]),
        _ => new Tool("granaryctl",
        [
            .. Ctl, .. DiagnosticsCommands.All, .. LogCommands.All, .. EventCommands.All, .. MirroringCommands.OfQueues, .. SystemCommands.All, .. ErlangCommands.OfDiagnostics.Where(static command => Ctl.All(other => other.Name != command.Name)), .. PluginCommands.All, .. UpgradeCommands.All, .. ReplicaCommands.Queues, .. ReplicaCommands.Streams, .. SuperStreamCommands.All,
        ]),
    };

    public Command? Find(string name) => Commands.FirstOrDefault(command => command.Name == name);

    /// <summary>The command whose name is nearest; null if none is near.</summary>
    public string? Nearest(string name) => Commands
        .Select(command => (command.Name, Distance: Distance(command.Name, name)))
        .Where(static near => near.Distance <= Math.Max(3, near.Name.Length / 2))
        .OrderBy(static near => near.Distance).ThenBy(static near => near.Name, StringComparer.Ordinal)
        .Select(static near => near.Name).FirstOrDefault();

    // Letters that have to be put in, taken out or changed (Levenshtein).
    private static int Distance(string left, string right)
    {
        int[] above = [.. Enumerable.Range(0, right.Length + 1)];
        for (var i = 1; i <= left.Length; i++)
        {
            var row = new int[right.Length + 1];
            row[0] = i;
            for (var j = 1; j <= right.Length; j++)
            {
                row[j] = Math.Min(Math.Min(row[j - 1], above[j]) + 1, above[j - 1] + (left[i - 1] == right[j - 1] ? 0 : 1));
            }

            above = row;
        }

        return above[^1];
    }
}
