using Granary.Cli.Invocation;
using Granary.Testing.Brokers;

namespace Granary.Cli.Tests;

/// <summary>Over HTTP the tool logs in, which is nothing that a command may leave a trace of: on the broker's machine it is nobody.</summary>
public sealed class RemoteTests : IAsyncLifetime
{
    private BrokerProcess? _broker;

    public async Task InitializeAsync() => _broker = await BrokerProcess.StartAsync();

    public async Task DisposeAsync() => await _broker!.DisposeAsync();

    [Fact]
    public async Task ListUserLimits_OfAUser_LogsInAsTheOneOfTheEnvironment()
    {
        await DoneAsync("add_user", "ann", "secret");
        await DoneAsync("set_user_limits", "ann", """{"max-channels":3}""");

        Assert.Equal("{\"max-channels\":3}\n", await DoneAsync("list_user_limits", "--user", "ann", "-q"));
    }

    private async Task<string> DoneAsync(params string[] line)
    {
        var remote = new Dictionary<string, string> { ["GRANARY_CTL_URL"] = $"http://127.0.0.1:{_broker!.HttpPort}", ["GRANARY_CTL_PASSWORD"] = "guest" };
        var (code, output, errors) = await Ctl.RunAsync("rabbitmqctl", remote, line);
        Assert.Equal((ExitCode.Done, ""), (code, errors));
        return output;
    }
}
