using System.Net.Sockets;
using Granary.Cli.Broker;
using Granary.Cli.Invocation;
using Granary.Testing.Brokers;

namespace Granary.Cli.Tests;

/// <summary>How the tool reaches a broker.</summary>
public class BrokerTests
{
    [Fact]
    public async Task Run_OnTheBrokersMachine_NeedsNoPassword()
    {
        await using var broker = await BrokerProcess.StartAsync();
        var local = new Dictionary<string, string> { ["GRANARY_DATA"] = broker.DataFolder! };

        var listed = await Ctl.RunAsync("rabbitmqctl", local, "list_exchanges", "-q");

        Assert.Equal((ExitCode.Done, ""), (listed.Code, listed.Errors));
        Assert.Contains("amq.topic\ttopic\n", listed.Output, StringComparison.Ordinal);
        if (!OperatingSystem.IsLinux())
        {
            return;
        }

        Assert.Equal(UnixFileMode.None, File.GetUnixFileMode(Path.Combine(broker.DataFolder!, "control.sock")) & (UnixFileMode.GroupWrite | UnixFileMode.OtherWrite));
    }

    [Fact]
    public async Task Rebalance_OnTheBrokersMachine_IsAskedForWithoutAPassword()
    {
        await using var broker = await BrokerProcess.StartAsync();
        var local = new Dictionary<string, string> { ["GRANARY_DATA"] = broker.DataFolder! };

        Assert.Equal(new CtlResult(ExitCode.Done, "Rebalancing queues over the cluster ...\n", ""), await Ctl.RunAsync("rabbitmq-queues", local, "rebalance", "all"));
    }

    [Fact]
    public async Task Run_WithAWrongPassword_SaysWhoWasRefused()
    {
        await using var broker = await BrokerProcess.StartAsync();
        var remote = new Dictionary<string, string> { ["GRANARY_CTL_URL"] = $"http://127.0.0.1:{broker.HttpPort}", ["GRANARY_CTL_PASSWORD"] = "wrong" };

        var listed = await Ctl.RunAsync("rabbitmqctl", remote, "list_exchanges");

        Assert.Equal(ExitCode.Configuration, listed.Code);
        Assert.Contains("User 'guest'", listed.Errors, StringComparison.Ordinal);
        Assert.DoesNotContain("wrong", listed.Errors, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public void Address_WithASocketInTheDataFolder_IsThatIfSomebodyListens(bool isServed)
    {
        var folder = Directory.CreateTempSubdirectory("granary-test-");
        var path = Path.Combine(folder.FullName, BrokerAddress.SocketName);
        using var socket = new Socket(AddressFamily.Unix, SocketType.Stream, ProtocolType.Unspecified);
        socket.Bind(new UnixDomainSocketEndPoint(path));
        if (isServed)
        {
            // One that is bound and not listened on is what a broker that was killed leaves behind.
            socket.Listen();
        }

        var address = BrokerAddress.From(CommandLine.Parse(["ping"], []), name => name == "GRANARY_DATA" ? folder.FullName : null);

        Assert.Equal(isServed ? path : null, address.Socket);
        Assert.Equal(isServed ? null : "guest", address.User);
        folder.Delete(recursive: true);
    }

    [Fact]
    public async Task Import_OfWhatIsNoJson_IsAnErrorAndSaysSo()
    {
        await using var broker = await BrokerProcess.StartAsync();
        var local = new Dictionary<string, string> { ["GRANARY_DATA"] = broker.DataFolder! };
        var file = Path.Combine(broker.DataFolder!, "definitions.json");
        await File.WriteAllTextAsync(file, "no JSON");

        var result = await Ctl.RunAsync("rabbitmqctl", local, "import_definitions", file);

        Assert.Equal(ExitCode.Unavailable, result.Code);
        Assert.Equal("Error:\nJSON decoding error. Reason: badarg\n", result.Errors);
    }

    [Fact]
    public async Task Diagnostics_OfANodeThatIsWell_SucceedAndNameItsPorts()
    {
        await using var broker = await BrokerProcess.StartAsync();
        var local = new Dictionary<string, string> { ["GRANARY_DATA"] = broker.DataFolder! };

        foreach (var check in new[] { "check_running", "check_local_alarms", "check_alarms", "check_port_connectivity", "check_virtual_hosts", "is_running", "ping" })
        {
            var result = await Ctl.RunAsync("rabbitmq-diagnostics", local, check);
            Assert.True(result.Code == ExitCode.Done, $"{check}: {result}");
        }

        Assert.Equal(ExitCode.Done, (await Ctl.RunAsync("rabbitmq-diagnostics", local, "check_port_listener", $"{broker.AmqpPort}")).Code);
        var absent = await Ctl.RunAsync("rabbitmq-diagnostics", local, "check_port_listener", "1");
        Assert.Equal(ExitCode.Unavailable, absent.Code);
        Assert.Contains($"{broker.AmqpPort}", absent.Errors, StringComparison.Ordinal);
    }
}
