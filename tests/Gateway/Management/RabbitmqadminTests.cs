using System.Diagnostics;
using System.Globalization;
using Granary.Testing.Brokers;

namespace Granary.Gateway.Tests.Management;

/// <summary>RabbitMQ's own command line for the management API, as Debian has it, against this broker.</summary>
[WatchedBroker]
public sealed class RabbitmqadminTests(ApiBroker broker) : IClassFixture<ApiBroker>
{
    private static readonly string? Tool = (Environment.GetEnvironmentVariable("PATH") ?? "").Split(':')
        .Select(folder => Path.Combine(folder, "rabbitmqadmin")).FirstOrDefault(File.Exists);

    [RabbitmqadminFact]
    public async Task Rabbitmqadmin_Unmodified_DoesWhatItIsAskedFor()
    {
        var (queue, exchange) = (ApiBroker.New("q"), ApiBroker.New("x"));
        var file = Path.Combine(Path.GetTempPath(), $"{queue}.json");
        try
        {
            await RunAsync("declare", "queue", $"name={queue}", "durable=true", "arguments={\"x-max-length\":9}");
            await RunAsync("declare", "exchange", $"name={exchange}", "type=topic");
            await RunAsync("declare", "binding", $"source={exchange}", $"destination={queue}", "routing_key=a.#");
            Assert.Contains("Message published", await RunAsync("publish", $"exchange={exchange}", "routing_key=a.b", "payload=hello", "properties={\"delivery_mode\":2}"), StringComparison.Ordinal);
            Assert.Contains("but NOT routed", await RunAsync("publish", $"exchange={exchange}", "routing_key=b", "payload=hello"), StringComparison.Ordinal);
            Assert.Contains($"{queue}\t1", await RunAsync("-f", "tsv", "list", "queues", "name", "messages"), StringComparison.Ordinal);
            Assert.Contains($"{exchange}\t{queue}\ta.#", await RunAsync("-f", "tsv", "list", "bindings", "source", "destination", "routing_key"), StringComparison.Ordinal);
            foreach (var list in new[] { "users", "vhosts", "connections", "exchanges", "permissions", "channels", "parameters", "consumers", "policies", "operator_policies", "vhost_limits" })
            {
                await RunAsync("list", list);
            }

            Assert.Contains("rabbit@", await RunAsync("list", "nodes", "name", "type", "mem_used"), StringComparison.Ordinal);
            Assert.Contains("4.2.0", await RunAsync("show", "overview"), StringComparison.Ordinal);
            Assert.Contains("hello", await RunAsync("get", $"queue={queue}", "ackmode=ack_requeue_true"), StringComparison.Ordinal);
            await RunAsync("purge", "queue", $"name={queue}");
            Assert.DoesNotContain("hello", await RunAsync("get", $"queue={queue}", "ackmode=ack_requeue_false"), StringComparison.Ordinal);

            await RunAsync("export", file);
            await RunAsync("delete", "binding", $"source={exchange}", "destination_type=queue", $"destination={queue}", "properties_key=a.%23");
            await RunAsync("delete", "queue", $"name={queue}");
            await RunAsync("delete", "exchange", $"name={exchange}");
            await RunAsync("-V", "/", "import", await OnlyMineAsync(file, queue, exchange));
            Assert.Contains($"{exchange}\t{queue}\ta.#", await RunAsync("-f", "tsv", "list", "bindings", "source", "destination", "routing_key"), StringComparison.Ordinal);
        }
        finally
        {
            File.Delete(file);
        }
    }

    // Queues of other tests come and go meanwhile, with their vhosts and users.
    private static async Task<string> OnlyMineAsync(string file, string queue, string exchange)
    {
        var all = System.Text.Json.Nodes.JsonNode.Parse(await File.ReadAllTextAsync(file))!;
        var mine = new System.Text.Json.Nodes.JsonObject { ["rabbit_version"] = "3.10.8" };
        foreach (var (kind, key, name) in new[] { ("queues", "name", queue), ("exchanges", "name", exchange), ("bindings", "source", exchange) })
        {
            mine[kind] = new System.Text.Json.Nodes.JsonArray([.. all[kind]!.AsArray().Where(item => (string)item![key]! == name).Select(item => item!.DeepClone())]);
        }

        await File.WriteAllTextAsync(file, mine.ToJsonString());
        return file;
    }

    private async Task<string> RunAsync(params string[] arguments)
    {
        var start = new ProcessStartInfo(Tool!) { RedirectStandardOutput = true, RedirectStandardError = true };
        foreach (var argument in (string[])["-H", "127.0.0.1", "-P", broker.Broker.HttpPort.ToString(CultureInfo.InvariantCulture), .. arguments])
        {
            start.ArgumentList.Add(argument);
        }

        using var process = Process.Start(start)!;
        var (output, errors) = (process.StandardOutput.ReadToEndAsync(), process.StandardError.ReadToEndAsync());
        await process.WaitForExitAsync();
        Assert.True(process.ExitCode == 0, $"rabbitmqadmin {string.Join(' ', arguments)}: {await output}{await errors}");
        return await output;
    }

    private sealed class RabbitmqadminFact : FactAttribute
    {
        public RabbitmqadminFact() => Skip = Tool is null ? "rabbitmqadmin is not installed" : null;
    }
}
