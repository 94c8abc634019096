using System.Net.Sockets;
using Granary.Cli.Invocation;
using Granary.Testing.Brokers;
using RabbitMQ.Client;

namespace Granary.Cli.Tests;

/// <summary>Commands that change how a node runs: alarms, limits, logging, listeners.</summary>
public sealed class NodeControlTests
{
    [Fact]
    public async Task Eval_OfAnAlarm_RaisesItAndClearsIt()
    {
        await using var broker = await BrokerProcess.StartAsync();
        broker.Watched.Expect(1403);
        var local = new Dictionary<string, string> { ["GRANARY_DATA"] = broker.DataFolder! };
        var none = new CtlResult(ExitCode.Done, "[]\n", "");
        var done = new CtlResult(ExitCode.Done, "ok\n", "");
        Assert.Equal(none, await Ctl.RunAsync("rabbitmqctl", local, "eval", "rabbit_alarm:get_alarms()."));

        Assert.Equal(done, await Ctl.RunAsync("rabbitmqctl", local, "eval", "rabbit_alarm:set_alarm({{resource_limit, memory, node()}, []})."));

        Assert.Contains("{{resource_limit,memory,", (await Ctl.RunAsync("rabbitmqctl", local, "eval", "rabbit_alarm:get_local_alarms().")).Output, StringComparison.Ordinal);
        Assert.Equal(ExitCode.Unavailable, (await Ctl.RunAsync("rabbitmq-diagnostics", local, "check_alarms")).Code);
        Assert.Equal(ExitCode.Unavailable, (await Ctl.RunAsync("rabbitmqctl", local, "eval", "rabbit_alarm:set_alarm({{resource_limit, disk, 'rabbit@elsewhere'}, []}).")).Code);
        Assert.Equal(done, await Ctl.RunAsync("rabbitmqctl", local, "eval", "rabbit_alarm:clear_alarm({resource_limit, memory, node()})"));
        Assert.Equal(none, await Ctl.RunAsync("rabbitmqctl", local, "eval", "rabbit_alarm:get_alarms()."));
        Assert.Equal(ExitCode.Done, (await Ctl.RunAsync("rabbitmq-diagnostics", local, "check_alarms")).Code);
    }

    [Fact]
    public async Task Limits_OfMemoryAndDisk_RaiseTheAlarmsAndClearThem()
    {
        await using var broker = await BrokerProcess.StartAsync();
        broker.Watched.Expect(1401);
        broker.Watched.Expect(1402);
        broker.Watched.Expect(3331);
        broker.Watched.Expect(3332);
        var local = new Dictionary<string, string> { ["GRANARY_DATA"] = broker.DataFolder! };
        foreach (var (raise, clear) in new[]
        {
            (new[] { "set_vm_memory_high_watermark", "0" }, new[] { "set_vm_memory_high_watermark", "absolute", "64GiB" }),
            (["set_disk_free_limit", "mem_relative", "1000000"], ["set_disk_free_limit", "1MB"]),
        })
        {
            Assert.Equal(new CtlResult(ExitCode.Done, "", ""), await Ctl.RunAsync("rabbitmqctl", local, [.. raise, "-q"]));
            Assert.Equal(ExitCode.Unavailable, (await Ctl.RunAsync("rabbitmq-diagnostics", local, "check_local_alarms")).Code);

            Assert.Equal(new CtlResult(ExitCode.Done, "", ""), await Ctl.RunAsync("rabbitmqctl", local, [.. clear, "-q"]));
            Assert.Equal(ExitCode.Done, (await Ctl.RunAsync("rabbitmq-diagnostics", local, "check_local_alarms")).Code);
        }

        var status = await Ctl.RunAsync("rabbitmqctl", local, "status", "--unit", "bytes");
        Assert.Contains($"computed to: {64L << 30} bytes", status.Output, StringComparison.Ordinal);
        Assert.Contains("watermark: 1000000 bytes", status.Output, StringComparison.Ordinal);
    }

    [Fact]
    public async Task LogLevel_OfANodeThatRuns_IsThatOfTheNextEvent()
    {
        await using var broker = await BrokerProcess.StartAsync();
        var local = new Dictionary<string, string> { ["GRANARY_DATA"] = broker.DataFolder! };

        Assert.Equal(ExitCode.Done, (await Ctl.RunAsync("rabbitmqctl", local, "set_log_level", "none")).Code);
        Assert.Equal(ExitCode.Done, (await Ctl.RunAsync("rabbitmqctl", local, "set_disk_free_limit", "2MB")).Code);
        Assert.Equal(ExitCode.Done, (await Ctl.RunAsync("rabbitmqctl", local, "set_log_level", "info")).Code);
        Assert.Equal(ExitCode.Done, (await Ctl.RunAsync("rabbitmqctl", local, "set_disk_free_limit", "3MB")).Code);

        broker.Settle();
        Assert.DoesNotContain("2000000 bytes", broker.Log, StringComparison.Ordinal);
        Assert.Contains("The disk free limit is set to 3000000 bytes", broker.Log, StringComparison.Ordinal);
    }

    [Fact]
    public async Task LogTail_OfANode_IsItsLastLines()
    {
        await using var broker = await BrokerProcess.StartAsync();
        var local = new Dictionary<string, string> { ["GRANARY_DATA"] = broker.DataFolder! };
        Assert.Equal(ExitCode.Done, (await Ctl.RunAsync("rabbitmqctl", local, "set_disk_free_limit", "2MB")).Code);
        var stream = Ctl.RunAsync("rabbitmq-diagnostics", local, "log_tail_stream", "-d", "3", "-q");
        for (var size = 3; !stream.IsCompleted; size++)
        {
            // A node remembers a thousand lines: the first of these is to be among them at the end.
            await Task.Delay(10);
            await Ctl.RunAsync("rabbitmqctl", local, "set_disk_free_limit", $"{size}MB");
        }

        var tail = await Ctl.RunAsync("rabbitmq-diagnostics", local, "log_tail", "-N", "1000", "-q");

        broker.Settle();
        var own = tail.Output.Split('\n', StringSplitOptions.RemoveEmptyEntries);
        Assert.Contains(own, static line => line.Contains("The disk free limit is set to 2000000 bytes", StringComparison.Ordinal));
        Assert.All(own, line => Assert.Contains(line, broker.Log, StringComparison.Ordinal));
        var streamed = (await stream).Output.Split('\n', StringSplitOptions.RemoveEmptyEntries);
        Assert.NotEmpty(streamed);
        Assert.Empty(streamed.Except(own));
        Assert.Equal(streamed.Length, streamed.Distinct().Count());
        Assert.Single((await Ctl.RunAsync("rabbitmq-diagnostics", local, "log_tail", "-N", "1", "-q")).Output.Split('\n', StringSplitOptions.RemoveEmptyEntries));
        Assert.Equal(new CtlResult(ExitCode.Done, "<stdout>\n", ""), await Ctl.RunAsync("rabbitmq-diagnostics", local, "log_location", "-q"));
    }

    [Fact]
    public async Task Listeners_ThatAreSuspended_AdmitNobodyUntilTheyAreResumed()
    {
        await using var broker = await BrokerProcess.StartAsync();
        broker.Watched.Expect(1408);
        var local = new Dictionary<string, string> { ["GRANARY_DATA"] = broker.DataFolder! };
        await using var connection = await new ConnectionFactory { HostName = "127.0.0.1", Port = broker.AmqpPort, AutomaticRecoveryEnabled = false }.CreateConnectionAsync();
        Assert.True(await AdmitsAsync(broker.AmqpPort) && await AdmitsAsync(broker.GrpcPort));

        Assert.Equal(ExitCode.Done, (await Ctl.RunAsync("rabbitmqctl", local, "suspend_listeners")).Code);
        Assert.Equal(ExitCode.Done, (await Ctl.RunAsync("rabbitmqctl", local, "suspend_listeners")).Code);

        Assert.False(await AdmitsAsync(broker.AmqpPort) || await AdmitsAsync(broker.GrpcPort));
        Assert.Equal(ExitCode.Unavailable, (await Ctl.RunAsync("rabbitmq-diagnostics", local, "check_port_connectivity")).Code);
        await using (var channel = await connection.CreateChannelAsync())
        {
            Assert.Equal("q", (await channel.QueueDeclareAsync("q", durable: false, exclusive: true, autoDelete: false)).QueueName);
        }

        Assert.Equal(ExitCode.Done, (await Ctl.RunAsync("rabbitmqctl", local, "resume_listeners")).Code);

        Assert.True(await AdmitsAsync(broker.AmqpPort) && await AdmitsAsync(broker.GrpcPort));
        Assert.Equal(ExitCode.Done, (await Ctl.RunAsync("rabbitmq-diagnostics", local, "check_port_connectivity")).Code);
        await using var another = await new ConnectionFactory { HostName = "127.0.0.1", Port = broker.AmqpPort, AutomaticRecoveryEnabled = false }.CreateConnectionAsync();
    }

    [Fact]
    public async Task App_ThatIsStopped_ServesNobodyUntilItIsStarted()
    {
        await using var broker = await BrokerProcess.StartAsync();
        broker.Watched.Expect(1410);
        var local = new Dictionary<string, string> { ["GRANARY_DATA"] = broker.DataFolder! };
        var factory = new ConnectionFactory { HostName = "127.0.0.1", Port = broker.AmqpPort, AutomaticRecoveryEnabled = false };
        await using var connection = await factory.CreateConnectionAsync();
        var closed = new TaskCompletionSource<(ushort, string)>(TaskCreationOptions.RunContinuationsAsynchronously);
        connection.ConnectionShutdownAsync += (_, reason) => Task.FromResult(closed.TrySetResult((reason.ReplyCode, reason.ReplyText)));
        await using (var channel = await connection.CreateChannelAsync())
        {
            await channel.QueueDeclareAsync("own", durable: false, exclusive: true, autoDelete: false);
        }

        var stopped = await Ctl.RunAsync("rabbitmqctl", local, "stop_app");

        Assert.Equal((ExitCode.Done, ""), (stopped.Code, stopped.Errors));

        // The client answers before it takes note of the end itself.
        Assert.Equal((320, "CONNECTION_FORCED - broker forced connection closure with reason 'shutdown'"), await closed.Task.WaitAsync(TimeSpan.FromSeconds(30)));
        Assert.False(connection.IsOpen);
        Assert.False(await AdmitsAsync(broker.AmqpPort));
        var listed = await Ctl.RunAsync("rabbitmqctl", local, "list_queues", "-q", "name");
        Assert.DoesNotContain("own", listed.Output, StringComparison.Ordinal);

        Assert.Equal(ExitCode.Done, (await Ctl.RunAsync("rabbitmqctl", local, "start_app")).Code);

        await using var another = await factory.CreateConnectionAsync();
    }

    [Fact]
    public async Task Drain_OfANode_SendsItsClientsAway()
    {
        await using var broker = await BrokerProcess.StartAsync();
        broker.Watched.Expect(1408);
        var local = new Dictionary<string, string> { ["GRANARY_DATA"] = broker.DataFolder! };
        await using var connection = await new ConnectionFactory { HostName = "127.0.0.1", Port = broker.AmqpPort, AutomaticRecoveryEnabled = false }.CreateConnectionAsync();
        var gone = new TaskCompletionSource<string>();
        connection.ConnectionShutdownAsync += (_, reason) =>
        {
            gone.TrySetResult(reason.ReplyText);
            return Task.CompletedTask;
        };

        Assert.Equal(ExitCode.Done, (await Ctl.RunAsync("rabbitmq-upgrade", local, "drain")).Code);

        Assert.Contains("maintenance mode", await gone.Task.WaitAsync(TimeSpan.FromSeconds(30)), StringComparison.Ordinal);
        Assert.False(await AdmitsAsync(broker.AmqpPort));
        Assert.Equal(ExitCode.Done, (await Ctl.RunAsync("rabbitmq-upgrade", local, "revive")).Code);
        Assert.True(await AdmitsAsync(broker.AmqpPort));
    }

    private static async Task<bool> AdmitsAsync(int port)
    {
        using var client = new TcpClient();
        try
        {
            await client.ConnectAsync("127.0.0.1", port);
            return true;
        }
        catch (SocketException)
        {
            // Refused.
            return false;
        }
    }
}
