using Granary.Cli.Invocation;
using Granary.Cli.Output;

namespace Granary.Cli.Commands;

/// <summary>All that there is to say of a node and its cluster, for whoever is to help.</summary>
internal static class ReportCommand
{
    // In RabbitMQ's order. Those of a vhost are asked for each one.
    private static readonly string[] OfNode =
        ["status", "cluster_status", "environment", "list_connections", "list_channels", "list_vhosts", "list_users", "list_global_parameters", "list_feature_flags"];

    private static readonly string[] OfVhost =
        ["list_queues", "list_exchanges", "list_bindings", "list_consumers", "list_permissions", "list_topic_permissions", "list_policies", "list_operator_policies", "list_parameters"];

    public static Command Of => new(
        "report", "Monitoring, observability and health checks",
        "Generate a server status report containing a concatenation of all server status information for support purposes", "")
    {
        Check = static call =>
        {
            if (call["formatter"] is not (null or "report"))
            {
                throw CommandException.NotValid("\"Only report formatter is supported\"");
            }
        },
        Banner = static async call => $"Reporting server status of node {await call.Broker.NodeAsync()} ...\n",
        Run = static call => Task.FromResult<Answer>(new StreamAnswer(RunAsync(call))),
    };

    private static async IAsyncEnumerable<string> RunAsync(CommandCall call)
    {
        foreach (var name in OfNode)
        {
            yield return await PartAsync(call, name, null);
        }

        foreach (var vhost in await call.Broker.ListAsync("vhosts"))
        {
            foreach (var name in OfVhost)
            {
                yield return await PartAsync(call, name, vhost["name"]!.ToString());
            }
        }
    }

    private static async Task<string> PartAsync(CommandCall call, string name, string? vhost)
    {
        var command = call.Tool.Find(name)!;
        var part = call.Of(command, vhost is null ? [name] : [name, "--vhost", vhost]);
        using var text = new StringWriter { NewLine = "\n" };
        if (await command.Banner(part) is { Length: > 0 } banner)
        {
            text.WriteLine(banner);
        }

        Formatter.Find("table")!.Write(text, await command.Run(part), withHeader: true);
        return text.ToString();
    }
}
