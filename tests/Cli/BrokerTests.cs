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

        string[][] calls = [["rebalance", "all"], ["rebalance", "all", "--vhost-pattern", "^/$", "--queue-pattern", "^a|b&c"]];
        foreach (var call in calls)
        {
            var (code, output, errors) = await Ctl.RunAsync("rabbitmq-queues", local, call);
            Assert.Equal((ExitCode.Done, ""), (code, errors));
            Assert.StartsWith("Re-balancing leaders of all queues...\n", output, StringComparison.Ordinal);
        }

        // It is the broker that goes by the patterns.
        foreach (var option in (string[])["--vhost-pattern", "--queue-pattern"])
        {
            var refused = await Ctl.RunAsync("rabbitmq-queues", local, "rebalance", "all", option, "(");
            Assert.NotEqual(ExitCode.Done, refused.Code);
            Assert.Contains("'(' is no regular expression", refused.Errors, StringComparison.Ordinal);
        }
    }

    [Fact]
    public async Task Eval_OfWhatKnownToolsSend_IsAnsweredInErlangsWords()
    {
        await using var broker = await BrokerProcess.StartAsync();
        var local = new Dictionary<string, string> { ["GRANARY_DATA"] = broker.DataFolder! };
        var node = $"rabbit@{Environment.MachineName.Split('.')[0]}";
        var atom = node.All(letter => char.IsAsciiLetterOrDigit(letter) || letter is '_' or '@') ? node : $"'{node}'";
        foreach (var (expression, answer) in new[]
        {
            ("node().", atom), ("rabbit:is_running().", "true"), ("rabbit_nodes:cluster_name().", "<<\"granary\">>"), ("rabbit_mnesia:cluster_nodes( running ).", $"[{atom}]"),
            ("rabbit_vhost:list().", "[<<\"/\">>]"),
            ("rabbit_access_control:check_user_pass_login(list_to_binary(\"guest\"), list_to_binary(\"guest\")).", "{ok,{user,<<\"guest\">>,[],[{rabbit_auth_backend_internal,none}]}}"),
            ("rabbit_access_control:check_user_pass_login(<<\"guest\">>, <<\"wr\\\"ong\">>).", "{refused,<<\"guest\">>,\"user '~s' - invalid credentials\",[<<\"guest\">>]}"),
        })
        {
            Assert.Equal(new CtlResult(ExitCode.Done, $"{answer}\n", ""), await Ctl.RunAsync("rabbitmqctl", local, "eval", expression));
        }

        var refused = await Ctl.RunAsync("rabbitmqctl", local, "eval", "os:cmd(\"id\").");
        Assert.Equal(ExitCode.Unavailable, refused.Code);
        Assert.Contains("has no Erlang", refused.Errors, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("rabbitmq-queues", "grow", "rabbit@a", "all")]
    [InlineData("rabbitmq-queues", "check_if_node_is_quorum_critical")]
    [InlineData("rabbitmq-streams", "restart_stream", "s")]
    [InlineData("rabbitmq-streams", "version")]
    public async Task Replicas_OfWhichThereAreNone_AreNothingToFailAt(string tool, params string[] line)
    {
        await using var broker = await BrokerProcess.StartAsync();
        var local = new Dictionary<string, string> { ["GRANARY_DATA"] = broker.DataFolder! };

        var (code, output, errors) = await Ctl.RunAsync(tool, local, line);

        Assert.Equal((ExitCode.Done, ""), (code, errors));
        Assert.NotEqual("", output);
        var status = await Ctl.RunAsync("rabbitmq-streams", local, "stream_status", "nowhere", "-q");
        Assert.Equal(ExitCode.Unavailable, status.Code);
    }

    [Fact]
    public async Task Environment_OfABroker_SaysWhereEachSettingIsFrom()
    {
        await using var broker = await BrokerProcess.StartAsync("--heartbeat", "17");
        var local = new Dictionary<string, string> { ["GRANARY_DATA"] = broker.DataFolder! };

        var told = await Ctl.RunAsync("rabbitmqctl", local, "environment", "-q");

        Assert.Equal((ExitCode.Done, ""), (told.Code, told.Errors));
        Assert.Contains("heartbeat\t17\tcommand line\n", told.Output, StringComparison.Ordinal);
        Assert.Contains("max-message-size\t16777216\tdefault\n", told.Output, StringComparison.Ordinal);
    }

    /// <summary>Those whose answers are of the node, and not RabbitMQ's.</summary>
    [Fact]
    public async Task Diagnostics_OfTheProcess_TellWhatItIs()
    {
        await using var broker = await BrokerProcess.StartAsync("--heartbeat", "17");
        var local = new Dictionary<string, string> { ["GRANARY_DATA"] = broker.DataFolder! };
        foreach (var (line, expected) in new[]
        {
            (new[] { "command_line_arguments" }, "--heartbeat 17\n"),
            (["os_env"], ""),
            (["certificates"], "No listener is configured to use TLS.\n"),
            (["tls_versions"], "tlsv1.3\ntlsv1.2\n"),
            (["erlang_version"], ".NET 10."),
            (["list_node_auth_attempt_stats"], "protocol\tauth_attempts"),
            (["list_network_interfaces"], "addr: 127.0.0.1/8\n"),
            (["memory_breakdown", "--unit", "mb"], "old_objects: "),
            (["memory_breakdown", "--formatter", "json"], "\"old_objects\":{\"bytes\":"),
            (["runtime_thread_stats", "--sample-interval", "1"], "Stats per thread, of one processor:\n"),
            (["wait", "-P", $"{broker.ProcessId}"], "Applications 'rabbit_and_plugins' are running on node "),
            (["report"], "Cluster status of node "),
        })
        {
            // Who logs in is counted, and that over HTTP is one.
            if (line[0] == "list_node_auth_attempt_stats")
            {
                await Ctl.RunAsync("rabbitmqctl", new Dictionary<string, string> { ["GRANARY_CTL_URL"] = $"http://127.0.0.1:{broker.HttpPort}" }, "list_users");
            }

            var told = await Ctl.RunAsync("rabbitmq-diagnostics", local, [.. line, "-q"]);

            Assert.True(told.Code == ExitCode.Done && told.Errors.Length == 0, $"{line[0]}: {told}");
            Assert.Contains(expected, told.Output, StringComparison.Ordinal);
        }

        Assert.Equal(ExitCode.Done, (await Ctl.RunAsync("rabbitmq-diagnostics", local, "reset_node_auth_attempt_metrics")).Code);
        Assert.Contains("reported no authentication attempt stats", (await Ctl.RunAsync("rabbitmq-diagnostics", local, "list_node_auth_attempt_stats")).Output, StringComparison.Ordinal);
    }

    /// <summary>Those that RabbitMQ has since 4.0: Debian's has none to compare with.</summary>
    [Fact]
    public async Task Commands_OfLaterVersions_DoWhatTheirNamesSay()
    {
        await using var broker = await BrokerProcess.StartAsync();
        var local = new Dictionary<string, string> { ["GRANARY_DATA"] = broker.DataFolder! };
        await Ctl.RunAsync("rabbitmqctl", local, "add_vhost", "sales", "--description", "old", "--tags", "a,b");

        Assert.Equal(
            new CtlResult(ExitCode.Done, "Updating metadata of vhost \"sales\" ...\n", ""), await Ctl.RunAsync("rabbitmqctl", local, "update_vhost_metadata", "sales", "--description", "new", "--default-queue-type", "quorum"));
        Assert.Contains(
            "sales\tnew\t[a, b]\tquorum\n", (await Ctl.RunAsync("rabbitmqctl", local, "list_vhosts", "-s", "name", "description", "tags", "default_queue_type")).Output, StringComparison.Ordinal);
        foreach (var line in new[] { new[] { "trace_on", "-p", "sales" }, ["trace_off", "-p", "sales"], ["add_vhost", "sales", "--description", "other"], ["set_vhost_tags", "sales", "c"] })
        {
            Assert.Equal(ExitCode.Done, (await Ctl.RunAsync("rabbitmqctl", local, line)).Code);
        }

        Assert.Contains("sales\tnew\t[c]\tquorum\n", (await Ctl.RunAsync("rabbitmqctl", local, "list_vhosts", "-s", "name", "description", "tags", "default_queue_type")).Output, StringComparison.Ordinal);
        Assert.Equal(ExitCode.Usage, (await Ctl.RunAsync("rabbitmqctl", local, "update_vhost_metadata", "sales")).Code);
        Assert.Equal(ExitCode.Data, (await Ctl.RunAsync("rabbitmqctl", local, "update_vhost_metadata", "nowhere", "--tags", "a")).Code);

        await Ctl.RunAsync("rabbitmqctl", local, "add_user", "ann", "secret");
        Assert.Equal(ExitCode.Done, (await Ctl.RunAsync("rabbitmqctl", local, "set_permissions_globally", "ann", "^a", ".*", "")).Code);
        Assert.Equal("/\t^a\t.*\t\nsales\t^a\t.*\t\n", (await Ctl.RunAsync("rabbitmqctl", local, "list_user_permissions", "-s", "ann")).Output);
        Assert.Equal(ExitCode.NoUser, (await Ctl.RunAsync("rabbitmqctl", local, "set_permissions_globally", "bob", "^a", ".*", "")).Code);

        Assert.Equal(new CtlResult(ExitCode.Done, "[\n]\n", ""), await Ctl.RunAsync("rabbitmqctl", local, "list_deprecated_features", "--formatter", "json"));
        foreach (var (tool, line) in new[]
        {
            ("rabbitmq-diagnostics", new[] { "check_for_quorum_queues_without_an_elected_leader", "--across-all-vhosts", ".*" }),
            ("rabbitmq-diagnostics", ["check_if_metadata_store_is_initialized"]), ("rabbitmq-diagnostics", ["check_if_metadata_store_is_initialized_with_data"]),
            ("rabbitmq-queues", ["grow_to_count", "3", "all"]), ("rabbitmq-queues", ["transfer_leadership", "q", "rabbit@a"]), ("rabbitmq-queues", ["force_checkpoint"]),
        })
        {
            Assert.Equal(ExitCode.Done, (await Ctl.RunAsync(tool, local, line)).Code);
        }
    }

    [Fact]
    public async Task SuperStream_OverItsLife_IsMadeOfStreamsAndTheirExchange()
    {
        await using var broker = await BrokerProcess.StartAsync();
        var local = new Dictionary<string, string> { ["GRANARY_DATA"] = broker.DataFolder! };
        Task<CtlResult> StreamsAsync(params string[] line) => Ctl.RunAsync("rabbitmq-streams", local, line);
        Task<CtlResult> ListAsync(params string[] line) => Ctl.RunAsync("rabbitmqctl", local, line);

        Assert.Equal(
            new CtlResult(ExitCode.Done, "Adding a super stream...\nSuper stream sales has been created\n", ""),
            await StreamsAsync("add_super_stream", "sales", "--binding-keys", "north, south", "--max-length-bytes", "20gb", "--max-age", "P1DT1H"));
        Assert.Equal(ExitCode.Software, (await StreamsAsync("add_super_stream", "sales")).Code);
        Assert.Equal(ExitCode.Data, (await StreamsAsync("add_super_stream", "sales", "-p", "nowhere")).Code);
        foreach (var wrong in new[] { new[] { "--partitions", "0" }, ["--partitions", "2", "--binding-keys", "a"], ["--max-age", "1D"], ["--max-length-bytes", "2x"], ["--leader-locator", "here"], ["--initial-cluster-size", "0"] })
        {
            Assert.Equal(ExitCode.Usage, (await StreamsAsync(["add_super_stream", "other", .. wrong])).Code);
        }

        Assert.Equal("sales-north\tstream\nsales-south\tstream\n", (await ListAsync("list_queues", "-s", "name", "type")).Output);
        Assert.Contains("x-max-length-bytes,20000000000", (await ListAsync("list_queues", "-s", "arguments")).Output.Replace(" ", "", StringComparison.Ordinal).Replace("\"", "", StringComparison.Ordinal), StringComparison.Ordinal);
        Assert.Equal(new CtlResult(ExitCode.Done, "[\n]\n", ""), await StreamsAsync("stream_status", "sales-north", "--tracking", "--formatter", "json"));
        Assert.Equal(ExitCode.Software, (await StreamsAsync("delete_super_stream", "amq.topic")).Code);

        Assert.Equal(
            new CtlResult(ExitCode.Done, "Deleting a super stream...\nSuper stream sales has been deleted\n", ""), await StreamsAsync("delete_super_stream", "sales"));

        Assert.Equal("", (await ListAsync("list_queues", "-s", "name")).Output.Trim());
        Assert.DoesNotContain("sales", (await ListAsync("list_exchanges", "-s", "name")).Output, StringComparison.Ordinal);
        foreach (var line in new[] { new[] { "grow", "rabbit@a", "all" }, ["shrink", "rabbit@a", "--errors-only"], ["transfer_leadership", "s", "rabbit@a"], ["restart_stream", "s", "--preferred-leader-node", "rabbit@a"] })
        {
            Assert.Equal(ExitCode.Done, (await StreamsAsync(line)).Code);
        }
    }

    /// <summary>As 4.x has them.</summary>
    [Fact]
    public async Task Options_OfLaterVersions_AreTaken()
    {
        await using var broker = await BrokerProcess.StartAsync();
        var local = new Dictionary<string, string> { ["GRANARY_DATA"] = broker.DataFolder! };
        await Ctl.RunAsync("rabbitmqctl", local, "add_vhost", "kept", "-d", "a text");
        foreach (var (code, tool, line) in new[]
        {
            (ExitCode.Done, "rabbitmqctl", new[] { "update_vhost_metadata", "kept", "--protected-from-deletion" }), (ExitCode.Unavailable, "rabbitmqctl", ["delete_vhost", "kept"]),
            (ExitCode.Done, "rabbitmqctl", ["update_vhost_metadata", "kept", "--protected-from-deletion=false", "--tags", "a"]), (ExitCode.Done, "rabbitmqctl", ["delete_vhost", "kept"]),
            (ExitCode.Usage, "rabbitmqctl", ["add_vhost", "wrong", "--default-queue-type", "none"]), (ExitCode.Usage, "rabbitmqctl", ["enable_feature_flag", "all", "--opt-in"]),
            (ExitCode.Done, "rabbitmqctl", ["enable_feature_flag", "-e", "quorum_queue"]), (ExitCode.Usage, "rabbitmqctl", ["delete_queue", "nowhere", "--force"]),
            (ExitCode.Done, "rabbitmq-diagnostics", ["check_port_connectivity", "-a", "127.0.0.1"]), (ExitCode.Done, "rabbitmq-diagnostics", ["resolve_hostname", "localhost", "-a", "ipv4"]),
            (ExitCode.Done, "rabbitmq-diagnostics", ["resolver_info", "--offline"]), (ExitCode.Done, "rabbitmq-diagnostics", ["list_network_interfaces", "--offline"]),
            (ExitCode.Done, "rabbitmq-diagnostics", ["runtime_thread_stats", "-i", "1"]), (ExitCode.Unavailable, "rabbitmq-queues", ["add_member", "q", "rabbit@a", "--membership", "voter"]),
        })
        {
            var done = await Ctl.RunAsync(tool, local, line);
            Assert.True(code == done.Code, $"{string.Join(' ', line)}: {done}");
        }
    }

    [Theory]
    [InlineData("await_online_quorum_plus_one")]
    [InlineData("await_online_synchronized_mirror")]
    [InlineData("revive")]
    [InlineData("post_upgrade")]
    public async Task Upgrade_OfANodeThatRuns_IsDone(string command)
    {
        await using var broker = await BrokerProcess.StartAsync();
        var local = new Dictionary<string, string> { ["GRANARY_DATA"] = broker.DataFolder! };

        var done = await Ctl.RunAsync("rabbitmq-upgrade", local, command);

        Assert.Equal((ExitCode.Done, ""), (done.Code, done.Errors));
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
