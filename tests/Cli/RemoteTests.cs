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

    /// <summary>The API's PUT gives its user all permissions in a vhost that it makes; rabbitmqctl gives nobody any.</summary>
    [Fact]
    public async Task AddVhost_NewOrThere_ChangesNobodysPermissions()
    {
        const string Header = "user\tconfigure\twrite\tread\n";
        await DoneAsync("add_vhost", "sales/north");
        Assert.Equal("\n", await DoneAsync("list_permissions", "-p", "sales/north", "-q"));

        await DoneAsync("set_permissions", "-p", "sales/north", "guest", "^a", "^b", "^c");
        await DoneAsync("add_vhost", "sales/north");

        Assert.Equal($"{Header}guest\t^a\t^b\t^c\n", await DoneAsync("list_permissions", "-p", "sales/north", "-q"));
    }

    /// <summary>As in RabbitMQ, one that cannot be used keeps all of them from being set.</summary>
    [Fact]
    public async Task SetLimits_OneThatThereIsNot_IsUnavailableAndSetsNone()
    {
        await DoneAsync("add_user", "ann", "secret");
        string[][] lines = [["set_user_limits", "ann"], ["set_vhost_limits"]];
        foreach (var line in lines)
        {
            Assert.Equal(ExitCode.Unavailable, (await RunAsync([.. line, """{"max-connections":5,"bogus":5}"""])).Code);
            Assert.Equal(ExitCode.Unavailable, (await RunAsync([.. line, """{"max-connections":"many"}"""])).Code);
        }

        Assert.Equal("{}\n", await DoneAsync("list_user_limits", "--user", "ann", "-q"));
        Assert.Equal("\n", await DoneAsync("list_vhost_limits", "-q"));
    }

    private async Task<string> DoneAsync(params string[] line)
    {
        var (code, output, errors) = await RunAsync(line);
        Assert.Equal((ExitCode.Done, ""), (code, errors));
        return output;
    }

    private Task<CtlResult> RunAsync(params string[] line) => Ctl.RunAsync(
        "rabbitmqctl", new Dictionary<string, string> { ["GRANARY_CTL_URL"] = $"http://127.0.0.1:{_broker!.HttpPort}", ["GRANARY_CTL_PASSWORD"] = "guest" }, line);
}
