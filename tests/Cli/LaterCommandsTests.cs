using System.Text.Json.Nodes;
using Granary.Cli.Invocation;
using Granary.Testing.Brokers;

namespace Granary.Cli.Tests;

/// <summary>Commands that the tools have got with RabbitMQ 4.x, and the stream of events: Debian's 3.10 has the latter, in the words of its own objects.</summary>
public sealed class LaterCommandsTests : IAsyncLifetime
{
    private const int ListenersSuspended = 1408;

    private BrokerProcess? _broker;

    public async Task InitializeAsync() => _broker = await BrokerProcess.StartAsync();

    public async Task DisposeAsync() => await _broker!.DisposeAsync();

    [Fact]
    public async Task Scripts_ThatGoOverToRabbitMq4_FindWhatTheyAskFor()
    {
        await DoneAsync("rabbitmqctl", "set_policy", "mirrored", "^q", """{"ha-mode":"all","max-length":5}""");
        await DoneAsync("rabbitmqctl", "set_operator_policy", "all", ".*", """{"ha-sync-mode":"automatic","ha-mode":"all"}""");
        Assert.Contains("mirrored", await DoneAsync("rabbitmq-queues", "list_policies_with_classic_queue_mirroring", "-q"), StringComparison.Ordinal);
        Assert.Contains("ha-mode", await DoneAsync("rabbitmq-diagnostics", "list_operator_policies_with_classic_queue_mirroring", "-q"), StringComparison.Ordinal);
        var found = await RunAsync("rabbitmq-diagnostics", "check_if_cluster_has_classic_queue_mirroring_policy", "-q");
        Assert.Equal((ExitCode.Unavailable, "Error:\nPolicy mirrored enables classic queue mirroring\nOperator policy all enables classic queue mirroring\n"), (found.Code, found.Errors));
        await DoneAsync("rabbitmqctl", "remove_classic_queue_mirroring_from_policies");
        Assert.Contains("no policies that enable", await DoneAsync("rabbitmq-queues", "check_if_cluster_has_classic_queue_mirroring_policy"), StringComparison.Ordinal);
        Assert.Contains("""{"max-length":5}""", await DoneAsync("rabbitmqctl", "list_policies", "-q"), StringComparison.Ordinal);
        Assert.Equal("\n", await DoneAsync("rabbitmqctl", "list_operator_policies", "-s"));

        await DoneAsync("rabbitmqctl", "add_vhost", "kept");
        await DoneAsync("rabbitmqctl", "enable_vhost_deletion_protection", "kept");
        Assert.NotEqual(ExitCode.Done, (await RunAsync("rabbitmqctl", "delete_vhost", "kept")).Code);
        await DoneAsync("rabbitmqctl", "disable_vhost_deletion_protection", "kept");
        await DoneAsync("rabbitmqctl", "delete_vhost", "kept");
        Assert.Equal(ExitCode.Data, (await RunAsync("rabbitmqctl", "enable_vhost_deletion_protection", "kept")).Code);

        Assert.Contains("has been reached", await DoneAsync("rabbitmq-upgrade", "has_reached_target_cluster_size"), StringComparison.Ordinal);
        Assert.Contains("no deprecated features in use", await DoneAsync("rabbitmq-diagnostics", "check_if_any_deprecated_features_are_used"), StringComparison.Ordinal);
        await DoneAsync("rabbitmqctl", "reconcile_vhosts");
        await DoneAsync("rabbitmqctl", "list_channel_interceptors");
        await DoneAsync("rabbitmq-diagnostics", "activate_free_disk_space_monitoring");
    }

    /// <summary>Ansible's module drains only who is not drained, and revives only who is.</summary>
    [Fact]
    public async Task Status_OfANodeThatIsDrained_SaysSoUntilItIsRevived()
    {
        _broker!.Watched.Expect(ListenersSuspended);
        foreach (var (command, isDrained) in new[] { ("drain", true), ("revive", false) })
        {
            await DoneAsync("rabbitmq-upgrade", command);
            var status = JsonNode.Parse(await DoneAsync("rabbitmq-diagnostics", "--formatter", "json", "status"))!;
            Assert.Equal(isDrained, (bool)status["is_under_maintenance"]!);
            Assert.Contains(isDrained ? ": marked for maintenance" : ": not under maintenance", await DoneAsync("rabbitmqctl", "cluster_status"), StringComparison.Ordinal);
        }
    }

    [Fact]
    public async Task Events_OfWhatComesAndGoes_AreLinesOfJson()
    {
        var stream = RunAsync("rabbitmq-diagnostics", "consume_event_stream", "--duration", "4", "--pattern", "^(vhost|policy|exchange)\\.");
        for (var number = 0; !stream.IsCompleted; number++)
        {
            await DoneAsync("rabbitmqctl", "add_vhost", $"v{number}");
            await DoneAsync("rabbitmqctl", "set_policy", "-p", $"v{number}", "p", ".*", """{"max-length":1}""");
            if (number > 0)
            {
                await DoneAsync("rabbitmqctl", "set_policy", "p", ".*", $$"""{"max-length":{{number}}}""");
                await DoneAsync("rabbitmqctl", "delete_vhost", $"v{number - 1}");
            }
        }

        var (code, output, errors) = await stream;
        Assert.Equal((ExitCode.Done, ""), (code, errors));
        JsonObject[] events = [.. output.Split('\n', StringSplitOptions.RemoveEmptyEntries).Select(static line => JsonNode.Parse(line)!.AsObject())];
        Assert.All(events, static one => Assert.True((long)one["timestamp_in_ms"]! > 0));
        Assert.Subset(
            new HashSet<string> { "vhost.created", "vhost.deleted", "policy.set", "policy.cleared", "exchange.created", "exchange.deleted" },
            events.Select(static one => (string)one["event"]!).ToHashSet());
        Assert.Contains(events, static one => (string)one["event"]! == "vhost.created" && (string)one["name"]! != "/");
        Assert.Contains(events, static one => (string)one["event"]! == "exchange.created" && (string?)one["type"] == "topic");
        Assert.Contains(events, static one => (string)one["event"]! == "policy.set" && one["definition"]!["max-length"] is not null);

        Assert.Equal(ExitCode.Usage, (await RunAsync("rabbitmq-diagnostics", "consume_event_stream", "--pattern", "(")).Code);
    }

    private async Task<string> DoneAsync(string tool, params string[] line)
    {
        var (code, output, errors) = await RunAsync(tool, line);
        Assert.Equal((ExitCode.Done, ""), (code, errors));
        return output;
    }

    private Task<CtlResult> RunAsync(string tool, params string[] line) => Ctl.RunAsync(tool, new Dictionary<string, string> { ["GRANARY_DATA"] = _broker!.DataFolder! }, line);
}
