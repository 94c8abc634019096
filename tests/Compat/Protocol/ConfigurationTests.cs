using Granary.Testing.Brokers;
using Granary.Testing.Processes;
using Granary.Testing.Wire;

namespace Granary.Compat.Tests.Protocol;

/// <summary>The executable with a configuration file in RabbitMQ's format.</summary>
public sealed class ConfigurationTests : IDisposable
{
    private const int WithoutEffect = 9302;

    private static readonly TimeSpan Limit = TimeSpan.FromSeconds(60);

    private readonly string _folder = Directory.CreateTempSubdirectory("granary-conf-").FullName;

    private string File => Path.Combine(_folder, "rabbitmq.conf");

    [Fact]
    public async Task Broker_WithARabbitMqConf_StartsByItAndTellsWhatHasNoEffect()
    {
        Write("""
            ## Of a broker that has run RabbitMQ 3.12 until now.
            default_user = boss
            default_pass = 'pass # word'
            default_user_tags.administrator = true
            default_permissions.configure = .*
            heartbeat = 17
            channel_max = 128
            max_message_size = 1024
            vm_memory_high_watermark.relative = 0.4
            disk_free_limit.absolute = 1MB
            cluster_partition_handling = pause_minority
            queue_master_locator = min-masters
            log.file = false
            log.console = true
            log.console.level = info
            auth_backends.1 = internal
            tcp_listen_options.backlog = 4096
            """);
        await using var broker = await BrokerProcess.StartAsync("--config", File);
        broker.Watched.Expect(WithoutEffect);

        await using var connection = await WireConnection.ConnectAsync(broker.AmqpPort);
        await connection.SendAsync(WireConnection.ProtocolHeader);
        await connection.ExpectAsync(10, 10);
        var tune = await connection.CallAsync(0, WireMethods.StartOk(user: "boss", password: "pass # word"), 10, 30);
        broker.Settle();

        // channel_max, frame_max, heartbeat.
        Assert.Equal("0080" + "00020000" + "0011", Convert.ToHexString(tune.Payload.AsSpan(4)));
        Assert.Equal(
            ["line 11: cluster_partition_handling", "line 12: queue_master_locator", "line 13: log.file", "line 17: tcp_listen_options.backlog"],
            broker.Watched.Lines.Where(line => line.Event == WithoutEffect).Select(line => line.Text["rabbitmq.conf, ".Length..^" has no effect here".Length]));
    }

    [Theory]
    [InlineData("vm_memory_high_watermrk.relative = 0.4", 1, "rabbitmq.conf, line 2: there is no key 'vm_memory_high_watermrk.relative'; 'vm_memory_high_watermark.relative' is one.")]
    [InlineData("heartbeat", 1, "rabbitmq.conf, line 2: 'heartbeat' is not of the form key = value.")]
    [InlineData("heartbeat = often", 1, "rabbitmq.conf, line 2: heartbeat: 'often' is not a number from 0 to 65535")]
    [InlineData("ssl_options.certfile = /nowhere/server.pem", 2, "--tls-certificate and --tls-key go together: one of them is missing.")]
    [InlineData("listeners.ssl.default = 5671", 2, "A port for TLS needs --tls-certificate and --tls-key")]
    public async Task Broker_WithWhatCannotBeUsed_SaysWhereAndDoesNotStart(string line, int code, string told)
    {
        Write($"# first\n{line}");
        await using var process = ChildProcess.Start(
            "dotnet", [Path.Combine(RepositoryPath.OutputOf("node"), "Granary.Node.dll"), "--config", File, "--data", Path.Combine(_folder, "data")]);
        var exit = await process.WaitForExitAsync(Limit);

        Assert.Contains(told, process.Output, StringComparison.Ordinal);
        Assert.Equal(code, exit);
    }

    // Not a configuration file at all, or none that could be meant.
    [Theory]
    [InlineData("octets", "there is no key", "and 4,980 more")]
    [InlineData("one long key", "is not a key")]
    [InlineData("one long value", "rabbitmq.conf, line 1: heartbeat: 'xxx")]
    [InlineData("a folder", "The configuration file cannot be read: ")]
    [InlineData("nothing", "The configuration file cannot be read: ")]
    public async Task Broker_WithAFileThatIsNone_SaysSoInAFewLines(string kind, params string[] told)
    {
        var file = kind switch { "a folder" => _folder, "nothing" => "", _ => File };
        if (file == File)
        {
            Write(kind switch
            {
                "octets" => string.Join('\n', Enumerable.Range(0, 5_000).Select(static i => $"some{i}.thing{i}.with.parts = \u0001{i}")),
                "one long key" => $"{new string('k', 2_000_000)} = 1",
                _ => $"heartbeat = {new string('x', 2_000_000)}",
            });
        }

        await using var process = ChildProcess.Start(
            "dotnet", [Path.Combine(RepositoryPath.OutputOf("node"), "Granary.Node.dll"), "--config", file, "--data", Path.Combine(_folder, "data")]);
        var exit = await process.WaitForExitAsync(Limit);

        Assert.Equal(1, exit);
        Assert.All(told, text => Assert.Contains(text, process.Output, StringComparison.Ordinal));
        Assert.InRange(process.Output.Length, 20, 10_000);
        Assert.DoesNotContain("   at ", process.Output, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("GRANARY_HEARTBEAT", "often", "GRANARY_HEARTBEAT: 'often' is not a number from 0 to 65535")]
    [InlineData("GRANARY_CONNECTION_FILE", "/nowhere", "GRANARY_CONNECTION_FILE: Could not find file")]
    [InlineData("RABBITMQ_NODE_PORT", "99999", "RABBITMQ_NODE_PORT: '99999' is not a port")]
    public async Task Broker_WithAVariableThatCannotBeUsed_NamesIt(string variable, string value, string told)
    {
        await using var process = ChildProcess.Start(
            "dotnet", [Path.Combine(RepositoryPath.OutputOf("node"), "Granary.Node.dll"), "--data", Path.Combine(_folder, "data")], new Dictionary<string, string> { [variable] = value });

        Assert.Contains(await process.WaitForExitAsync(Limit), (int[])[1, 2]);
        Assert.Contains(told, process.Output, StringComparison.Ordinal);
        Assert.DoesNotContain("   at ", process.Output, StringComparison.Ordinal);
    }

    public void Dispose() => Directory.Delete(_folder, recursive: true);

    private void Write(string text) => System.IO.File.WriteAllText(File, text);
}
