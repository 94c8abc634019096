using System.Net.Sockets;
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
    public async Task Run_WithAWrongPassword_SaysWhoWasRefused()
    {
        await using var broker = await BrokerProcess.StartAsync();
        var remote = new Dictionary<string, string> { ["GRANARY_CTL_URL"] = $"http://127.0.0.1:{broker.HttpPort}", ["GRANARY_CTL_PASSWORD"] = "wrong" };

        var listed = await Ctl.RunAsync("rabbitmqctl", remote, "list_exchanges");

        Assert.Equal(ExitCode.Configuration, listed.Code);
        Assert.Contains("User 'guest'", listed.Errors, StringComparison.Ordinal);
        Assert.DoesNotContain("wrong", listed.Errors, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Run_SocketOfABrokerThatWasKilled_IsNotTakenForOne()
    {
        var folder = Directory.CreateTempSubdirectory("granary-test-");
        var path = Path.Combine(folder.FullName, "control.sock");
        using (var left = new Socket(AddressFamily.Unix, SocketType.Stream, ProtocolType.Unspecified))
        {
            left.Bind(new UnixDomainSocketEndPoint(path));
            File.Move(path, path + ".kept");
        }

        File.Move(path + ".kept", path);
        var result = await Ctl.RunAsync("rabbitmqctl", new Dictionary<string, string> { ["GRANARY_DATA"] = folder.FullName, ["GRANARY_CTL_URL"] = "http://127.0.0.1:1" }, "ping");

        Assert.Equal(ExitCode.Unavailable, result.Code);
        Assert.Contains("127.0.0.1:1", result.Errors, StringComparison.Ordinal);
        folder.Delete(recursive: true);
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
