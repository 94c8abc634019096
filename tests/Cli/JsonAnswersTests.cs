using System.Text.Json.Nodes;
using Granary.Cli.Invocation;
using Granary.Testing.Brokers;

namespace Granary.Cli.Tests;

/// <summary>Answers for programs have the names that they have in RabbitMQ's tools, so that scripts that read them go on doing so.</summary>
public sealed class JsonAnswersTests : IAsyncLifetime
{
    private const int AlarmRaised = 1403;

    private BrokerProcess? _broker;

    public async Task InitializeAsync() => _broker = await BrokerProcess.StartAsync();

    public async Task DisposeAsync() => await _broker!.DisposeAsync();

    [Theory]
    [InlineData("listeners node result", "rabbitmq-diagnostics", "listeners")]
    [InlineData("listeners node result", "rabbitmq-diagnostics", "check_port_connectivity")]
    [InlineData("node protocol result", "rabbitmq-diagnostics", "check_protocol_listener", "amqp")]
    [InlineData("alarms node result", "rabbitmq-diagnostics", "alarms")]
    [InlineData("result", "rabbitmq-diagnostics", "check_alarms")]
    [InlineData("result", "rabbitmq-diagnostics", "check_virtual_hosts")]
    [InlineData("result value", "rabbitmq-diagnostics", "server_version")]
    [InlineData("node result value", "rabbitmqctl", "version")]
    [InlineData("node result value", "rabbitmqctl", "eval", "node().")]
    [InlineData("format plugins status", "rabbitmq-plugins", "list")]
    [InlineData("format plugins status", "rabbitmq-plugins", "list", "-m")]
    public async Task Json_OfACommand_HasRabbitMqsNames(string names, string tool, params string[] line) => Assert.Equal(names, Names(await JsonAsync(tool, line)));

    [Fact]
    public async Task Json_OfListeners_TellsOfEachWhatItIs()
    {
        var listeners = (await JsonAsync("rabbitmq-diagnostics", "listeners"))["listeners"]!.AsArray();

        Assert.All(listeners, static listener => Assert.Equal("interface node port protocol purpose", Names(listener!)));
        Assert.Contains(listeners, listener => (string)listener!["protocol"]! == "amqp" && (int)listener["port"]! == _broker!.AmqpPort);
    }

    [Fact]
    public async Task Json_OfPlugins_TellsOfEachWhatItIsAndThatNothingChanged()
    {
        var listed = (await JsonAsync("rabbitmq-plugins", "list", "^rabbitmq_management$"))["plugins"]!.AsArray();
        var enabled = (await JsonAsync("rabbitmq-plugins", "enable", "rabbitmq_management")).AsArray();
        var disabled = (await JsonAsync("rabbitmq-plugins", "disable", "nosuch")).AsArray();

        Assert.Equal("enabled name running running_version version", Names(Assert.Single(listed)!));
        Assert.Contains("rabbitmq_management", enabled[0]!.AsArray().Select(static plugin => (string)plugin!));
        Assert.Equal("enabled mode set started stopped", Names(enabled[1]!));
        Assert.Equal("disabled mode set started stopped", Names(disabled[1]!));
    }

    [Fact]
    public async Task Json_OfAnAlarm_TellsWhereItIs()
    {
        _broker!.Watched.Expect(AlarmRaised);
        Assert.Equal("ok", (string)(await JsonAsync("rabbitmqctl", "eval", "rabbit_alarm:set_alarm({{resource_limit, memory, node()}, []})."))["value"]!);

        var alarms = await JsonAsync("rabbitmq-diagnostics", "alarms");

        Assert.Equal("global local message result", Names(alarms));
        Assert.StartsWith("Memory alarm on node ", (string)Assert.Single(alarms["local"]!.AsArray())!, StringComparison.Ordinal);
        Assert.Empty(alarms["global"]!.AsArray());
        Assert.True((bool)(await JsonAsync("rabbitmqctl", "eval", "rabbit:is_running()."))["value"]!);
    }

    private static string Names(JsonNode answer) => string.Join(' ', answer.AsObject().Select(static pair => pair.Key).Order(StringComparer.Ordinal));

    private async Task<JsonNode> JsonAsync(string tool, params string[] line)
    {
        var local = new Dictionary<string, string> { ["GRANARY_DATA"] = _broker!.DataFolder! };
        var (code, output, errors) = await Ctl.RunAsync(tool, local, [.. line, "--formatter", "json"]);
        Assert.Equal((ExitCode.Done, ""), (code, errors));
        return JsonNode.Parse(output)!;
    }
}
