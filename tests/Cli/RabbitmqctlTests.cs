using System.Text;
using System.Text.RegularExpressions;
using Granary.Cli.Invocation;
using Granary.Testing.Brokers;
using RabbitMQ.Client;

namespace Granary.Cli.Tests;

/// <summary>The same command lines to Debian's rabbitmqctl with its server, and to this one with Granary.</summary>
public sealed partial class RabbitmqctlTests
{
    // In an order in which the later ones find what the earlier ones made. What is compared: exit codes, standard output by lines, and standard error, of which a wrong call's first line.
    private static readonly string[][] WithClients =
    [
        ["list_queues"],
        ["list_queues", "-q", "name", "messages_ready", "messages_unacknowledged", "consumers", "durable", "auto_delete", "exclusive", "state", "type"],
        ["list_queues", "-s", "name", "arguments"],
        ["list_queues", "name", "messages", "--formatter", "csv"],
        ["list_queues", "name", "messages", "arguments", "--formatter", "json"],
        ["list_queues", "name", "--no-table-headers"],
        ["list_queues", "-p", "nowhere"],
        ["list_queues", "bogus"],
        ["list_exchanges"],
        ["list_exchanges", "name", "type", "durable", "auto_delete", "internal", "arguments", "policy"],
        ["list_bindings"],
        ["list_bindings", "source_name", "routing_key", "--formatter", "csv"],
        ["list_connections", "user", "vhost", "state", "channels", "protocol", "auth_mechanism", "frame_max", "channel_max", "timeout"],
        ["list_channels", "user", "number", "consumer_count", "messages_unacknowledged", "prefetch_count", "confirm", "transactional"],
        ["list_consumers", "queue_name", "consumer_tag", "ack_required", "prefetch_count", "active", "arguments"],
        ["list_vhosts"],
        ["list_vhosts", "name", "description", "tags"],
        ["list_users"],
        ["add_vhost", "sales"],
        ["add_user", "ann", "secret"],
        ["add_user", "ann", "secret"],
        ["set_user_tags", "ann", "monitoring", "management"],
        ["list_users"],
        ["list_users", "--formatter", "json"],
        ["set_permissions", "-p", "sales", "ann", @"^a\.b", ".*", @"a\\b"],
        ["set_permissions", "-p", "nowhere", "ann", "^a", ".*", ".*"],
        ["set_permissions", "-p", "sales", "nobody", "^a", ".*", ".*"],
        ["list_permissions", "-p", "sales"],
        ["list_permissions", "-p", "nowhere"],
        ["list_user_permissions", "ann"],
        ["list_user_permissions", "nobody"],
        ["set_topic_permissions", "-p", "sales", "ann", "amq.topic", @"^a\.b", "^b"],
        ["list_topic_permissions", "-p", "sales"],
        ["list_user_topic_permissions", "ann"],
        ["add_vhost", @"back\slash"],
        ["list_vhosts"],
        ["list_vhosts", "-q"],
        ["delete_vhost", @"back\slash"],
        ["clear_topic_permissions", "-p", "sales", "ann", "amq.topic"],
        ["authenticate_user", "ann", "secret"],
        ["authenticate_user", "ann", "bad"],
        ["change_password", "ann", "new"],
        ["authenticate_user", "ann", "new"],
        ["change_password", "nobody", "new"],
        ["clear_password", "nobody"],
        ["restart_vhost", "-p", "nowhere"],
        ["change_cluster_node_type", "bogus"],
        ["list_vhosts", "name", "tracing"],
        ["trace_on"],
        ["trace_on", "-p", "sales"],
        ["trace_on", "sales"],
        ["list_vhosts", "name", "tracing"],
        ["trace_off", "-p", "sales"],
        ["trace_off"],
        ["list_vhosts", "name", "tracing"],
        ["clear_permissions", "-p", "sales", "ann"],
        ["list_permissions", "-p", "sales"],
        ["delete_user", "nobody"],
        ["delete_user", "ann"],
        ["delete_vhost", "sales"],
        ["delete_vhost", "sales"],
        ["purge_queue", "nowhere"],
        ["purge_queue", "orders"],
        ["delete_queue", "nowhere"],
        ["delete_queue", "busy", "--if-unused"],
        ["delete_queue", "orders", "--if-empty"],
        ["list_queues", "name", "messages"],
        ["set_vm_memory_high_watermark", "0.7"],
        ["set_vm_memory_high_watermark", "1", "--formatter", "json"],
        ["set_vm_memory_high_watermark", "absolute", "2GiB"],
        ["set_vm_memory_high_watermark", "absolute", "3000000000"],
        ["set_vm_memory_high_watermark", "absolute", "10XB"],
        ["set_vm_memory_high_watermark", "absolute", "some"],
        ["set_vm_memory_high_watermark", "absolute"],
        ["set_vm_memory_high_watermark", "1.5"],
        ["set_vm_memory_high_watermark", "-1"],
        ["set_vm_memory_high_watermark", "some"],
        ["set_vm_memory_high_watermark", "0.4", "0.5"],
        ["set_vm_memory_high_watermark", "0.6"],
        ["set_disk_free_limit", "1MiB"],
        ["set_disk_free_limit", "mem_relative", "0.0001"],
        ["set_disk_free_limit", "mem_relative", "-1"],
        ["set_disk_free_limit", "mem_relative", "some"],
        ["set_disk_free_limit", "mem_relative"],
        ["set_disk_free_limit", "10XB"],
        ["set_disk_free_limit", "some"],
        ["set_disk_free_limit", "2.5"],
        ["set_disk_free_limit", "1", "2"],
        ["set_disk_free_limit", "50000000", "--formatter", "json"],
        ["set_log_level", "debug"],
        ["set_log_level", "some"],
        ["set_log_level"],
        ["set_log_level", "connection", "error"],
        ["set_log_level", "info", "--formatter", "json"],
        ["force_gc"],
        ["list_feature_flags", "bogus"],
        ["enable_feature_flag", "all"],
        ["enable_feature_flag", "quorum_queue"],
        ["enable_feature_flag", "nosuch"],
        ["enable_feature_flag", ""],
        ["suspend_listeners"],
        ["suspend_listeners", "--formatter", "json"],
        ["resume_listeners"],
        ["resume_listeners", "--formatter", "json"],
        ["suspend_listeners", "now"],
        ["rabbitmq-diagnostics", "log_tail", "lines"],
        ["rabbitmq-diagnostics", "log_tail", "-N", "some"],
        ["rabbitmq-diagnostics", "check_running", "now"],
        ["wait"],
        ["wait", "a", "b"],
        ["wait", "-P", "1", "file"],
        ["wait", "-P", "some"],
        ["wait", "/nowhere/pid", "-t", "1"],
        ["wait", "-P", "999999999", "-t", "2"],
        ["decode", "{encrypted,<<\"2xHkh6/uL9PCw/pAdcy5cNVXBtlRDLa0xHSz5L//DuUJwXe5OqjmwOmOBZZxRjFX\">>}", "pass"],
        ["decode", "{encrypted,<<\"1ce/+/oA7ULBwEioCuaBKPl7FvCHKeuM2UNlDf/RBm2nisf3ll6ny/n1U19J1Dit\">>}", "pass"],
        ["decode", "{encrypted,<<\"2xHkh6/uL9PCw/pAdcy5cNVXBtlRDLa0xHSz5L//DuUJwXe5OqjmwOmOBZZxRjFX\">>}", "wrong"],
        ["decode", "some", "pass"],
        ["decode"],
        ["encode", "a", "b", "c"],
        ["encode", "a", "b", "--cipher", "some"],
        ["encode", "a", "b", "--hash", "some"],
        ["encode", "a", "b", "--iterations", "0"],
        ["exec"],
        ["eval_file"],
        ["eval_file", "/nowhere/file"],
        ["hipe_compile", "/tmp"],
        ["hipe_compile", "/tmp", "--formatter", "json"],
        ["hipe_compile"],
        ["autocomplete", "list_us"],
        ["autocomplete", "list_us", "--formatter", "json"],
        ["autocomplete", "nosuch"],
        ["autocomplete"],
        ["rabbitmq-diagnostics", "check_certificate_expiration"],
        ["rabbitmq-diagnostics", "check_certificate_expiration", "--within", "2", "--unit", "months"],
        ["rabbitmq-diagnostics", "check_certificate_expiration", "--unit", "some"],
        ["rabbitmq-diagnostics", "check_certificate_expiration", "--formatter", "json"],
        ["rabbitmq-diagnostics", "alarms", "--formatter", "json"],
        ["rabbitmq-diagnostics", "check_alarms", "--formatter", "json"],
        ["rabbitmq-diagnostics", "check_local_alarms", "--formatter", "json"],
        ["rabbitmq-diagnostics", "check_virtual_hosts", "--formatter", "json"],
        ["rabbitmq-diagnostics", "check_protocol_listener", "amqp", "--formatter", "json"],
        ["rabbitmq-diagnostics", "discover_peers"],
        ["rabbitmq-diagnostics", "discover_peers", "--formatter", "json"],
        ["rabbitmq-diagnostics", "resolve_hostname", "localhost"],
        ["rabbitmq-diagnostics", "resolve_hostname", "localhost", "--address-family", "ipv4", "--formatter", "json"],
        ["rabbitmq-diagnostics", "resolve_hostname", "localhost", "--address-family", "some"],
        ["rabbitmq-diagnostics", "resolve_hostname", "nowhere.invalid"],
        ["rabbitmq-diagnostics", "resolve_hostname", "localhost", "--offline"],
        ["rabbitmq-diagnostics", "resolve_hostname"],
        ["rabbitmq-diagnostics", "resolver_info"],
        ["rabbitmq-diagnostics", "resolver_info", "--formatter", "json"],
        ["rabbitmq-diagnostics", "memory_breakdown", "--unit", "some"],
        ["rabbitmq-diagnostics", "reset_node_auth_attempt_metrics"],
        ["rabbitmq-diagnostics", "disable_auth_attempt_source_tracking"],
        ["rabbitmq-diagnostics", "log_tail_stream", "now"],
        ["rabbitmq-queues", "peek"],
        ["rabbitmq-queues", "peek", "orders", "0"],
        ["rabbitmq-queues", "peek", "orders", "1"],
        ["rabbitmq-queues", "peek", "nowhere", "1"],
        ["rabbitmq-queues", "peek", "nowhere", "1", "--formatter", "json"],
        ["rabbitmq-streams", "set_stream_retention_policy"],
        ["rabbitmq-streams", "set_stream_retention_policy", "nowhere", "1D"],
        ["list_users", "-p", "/"],
        ["list_users", "--no-quiet"],
        ["list_users", "--quiet=false"],
        ["list_users", "--no-vhost"],
        ["rabbitmq-diagnostics", "resolve_hostname", "localhost", "-a", "ipv4", "--formatter", "json"],
        ["close_all_connections", "-p", "/", "bye"],
    ];

    private static readonly string[][] WithoutClients =
    [
        ["list_connections"],
        ["list_policies"],
        ["set_policy", "p1", "^b", """{"max-length":5,"message-ttl":600000}""", "--priority", "3", "--apply-to", "queues"],
        ["set_policy", "p2", "^x", """{"alternate-exchange":"amq.fanout"}"""],
        ["set_policy", "p3", "a", """{"nosuch":5}"""],
        ["set_policy", "p3", "a", "{}"],
        ["set_policy", "p4", @"^a\.b", """{"dead-letter-exchange":"a\\b\"c"}"""],
        ["set_operator_policy", "o3", @"^a\.b", """{"max-length":6}"""],
        ["list_policies", "-q"],
        ["list_policies", "-s"],
        ["set_policy", "-p", "nowhere", "p3", "a", """{"max-length":5}"""],
        ["set_policy", "p3", "a", """{"max-length":5}""", "--priority", "x"],
        ["set_operator_policy", "o1", ".*", """{"max-length":4}"""],
        ["set_operator_policy", "o2", ".*", """{"dead-letter-exchange":"x"}"""],
        ["list_policies"],
        ["list_policies", "--formatter", "json"],
        ["list_policies", "-p", "nowhere"],
        ["list_operator_policies"],
        ["list_queues", "name", "policy"],
        ["clear_policy", "p1"],
        ["clear_policy", "p1"],
        ["clear_policy", "p4"],
        ["clear_operator_policy", "o1"],
        ["clear_operator_policy", "o3"],
        ["set_parameter", "a", "b", "1"],
        ["set_parameter", "policy", "s", """{"a":1}"""],
        ["set_parameter", "operator_policy", "oo", """{"a":1}"""],
        ["set_parameter", "vhost-limits", "limits", """{"max-queues":100}"""],
        ["list_parameters"],
        ["clear_parameter", "vhost-limits", "limits"],
        ["clear_parameter", "nosuch", "x"],
        ["set_global_parameter", "g", """{"b":1,"a":[1,"x\\y"]}"""],
        ["list_global_parameters"],
        ["clear_global_parameter", "g"],
        ["clear_global_parameter", "g"],
        ["set_cluster_name", "fred"],
        ["add_user"],
        ["nosuch"],
        ["list_queue"],
        ["rabbitmq-upgrade", "drain"],
        ["rabbitmq-upgrade", "revive", "--formatter", "json"],
        ["rabbitmq-upgrade", "drain", "--formatter", "json"],
        ["rabbitmq-upgrade", "revive"],
        ["stop_app"],
        ["stop_app"],
        ["rabbitmq-diagnostics", "check_running"],
        ["rabbitmq-diagnostics", "is_running"],
        ["rabbitmq-diagnostics", "is_booting"],
        ["eval", "rabbit:is_running()."],
        ["await_startup", "-t", "1"],
        ["start_app"],
        ["start_app"],
        ["rabbitmq-diagnostics", "is_running"],
        ["await_startup"],
        ["list_queues", "--nosuch"],
    ];

    [Fact]
    public async Task CommandLines_ToBothTools_ComeToTheSame()
    {
        await using var broker = await BrokerProcess.StartAsync();
        await using var rabbit = await RealRabbit.StartAsync();
        broker.Watched.Expect(1408);
        broker.Watched.Expect(1410);
        await using var ofBroker = await MakeAsync(broker.AmqpPort);
        await using var ofRabbit = await MakeAsync(rabbit.AmqpPort);
        var local = new Dictionary<string, string> { ["GRANARY_DATA"] = broker.DataFolder! };
        var differences = new StringBuilder();
        foreach (var lines in new[] { WithClients, WithoutClients })
        {
            foreach (var (line, answer) in lines.Zip(await rabbit.RunAllAsync(lines)))
            {
                var theirs = Comparable(answer);
                var ours = Comparable(await RunAsync(local, line));
                if (theirs != ours)
                {
                    differences.Append($"{string.Join(' ', line)}\n  rabbitmqctl: {theirs}\n  granaryctl:  {ours}\n");
                }
            }
        }

        Assert.True(differences.Length == 0, differences.ToString());

        // A message that nobody has got: RabbitMQ tells so, too.
        foreach (var port in new[] { broker.AmqpPort, rabbit.AmqpPort })
        {
            await PublishToQuorumAsync(port);
        }

        string[] peek = ["rabbitmq-queues", "peek", "quorum", "1", "--formatter", "json"];
        Assert.Equal(
            (await rabbit.RunAllAsync([peek]))[0].Output.Replace("\"header.x-delivery-count\":0,", "", StringComparison.Ordinal),
            (await RunAsync(local, peek)).Output);

        // There are more of them here, of later versions.
        var flags = await rabbit.RunAllAsync([["list_feature_flags", "-s", "name", "state"]]);
        Assert.Empty(flags[0].Output.Split('\n').Except((await RunAsync(local, ["list_feature_flags", "-s", "name", "state"])).Output.Split('\n')));
    }

    private static Task<CtlResult> RunAsync(Dictionary<string, string> local, string[] line) =>
        line[0].StartsWith("rabbitmq-", StringComparison.Ordinal) ? Ctl.RunAsync(line[0], local, line[1..]) : Ctl.RunAsync("rabbitmqctl", local, line);

    private static async Task<IConnection> MakeAsync(int port)
    {
        var connection = await new ConnectionFactory { HostName = "127.0.0.1", Port = port, AutomaticRecoveryEnabled = false }.CreateConnectionAsync();
        var channel = await connection.CreateChannelAsync();
        await channel.QueueDeclareAsync("orders", durable: true, exclusive: false, autoDelete: false, new Dictionary<string, object?> { ["x-max-length"] = 5 });
        await channel.QueueDeclareAsync("busy", durable: false, exclusive: false, autoDelete: true);
        await channel.QueueDeclareAsync("own", durable: false, exclusive: true, autoDelete: false);
        await channel.QueueDeclareAsync(@"ba\ck", durable: true, exclusive: false, autoDelete: false, new Dictionary<string, object?> { ["x-dead-letter-exchange"] = @"a\b" });
        await channel.QueueDeclareAsync("q\"uo,te", durable: true, exclusive: false, autoDelete: false);
        await channel.ExchangeDeclareAsync("logs", ExchangeType.Topic, durable: true, autoDelete: false, new Dictionary<string, object?> { ["alternate-exchange"] = "amq.fanout" });
        await channel.QueueBindAsync("orders", "logs", "a.*", new Dictionary<string, object?> { ["k"] = "v" });
        await channel.ExchangeBindAsync("logs", "amq.direct", "z");
        await channel.BasicPublishAsync("", "orders", new byte[3]);
        await channel.BasicPublishAsync("", "orders", new byte[3]);
        await channel.BasicQosAsync(0, 7, global: false);
        await channel.BasicConsumeAsync("busy", autoAck: false, "ct", new Dictionary<string, object?> { ["x-priority"] = 3 }, new AsyncDefaultBasicConsumer(channel));
        return connection;
    }

    private static async Task PublishToQuorumAsync(int port)
    {
        await using var connection = await new ConnectionFactory { HostName = "127.0.0.1", Port = port, AutomaticRecoveryEnabled = false }.CreateConnectionAsync();
        await using var channel = await connection.CreateChannelAsync(new CreateChannelOptions(publisherConfirmationsEnabled: true, publisherConfirmationTrackingEnabled: true));
        await channel.QueueDeclareAsync("quorum", durable: true, exclusive: false, autoDelete: false, new Dictionary<string, object?> { ["x-queue-type"] = "quorum" });
        var properties = new BasicProperties { ContentType = "text/plain", DeliveryMode = DeliveryModes.Persistent, MessageId = "m1", Headers = new Dictionary<string, object?> { ["h"] = "v" } };
        await channel.BasicPublishAsync("", "quorum", mandatory: true, properties, "hello"u8.ToArray());
    }

    // Nodes have names of their own, and what a list's order is nobody says.
    private static CtlResult Comparable(CtlResult result) => result with
    {
        Output = string.Join('\n', NodeName().Replace(result.Output, "NODE").TrimStart(',').Split('\n').Select(static line => line.TrimStart(','))
            .Where(static line => !line.StartsWith("internal_cluster_id", StringComparison.Ordinal)).Order(StringComparer.Ordinal)),
        Errors = result.Code == ExitCode.Usage ? result.Errors.TrimStart('\n').Split('\n')[0] : NodeName().Replace(result.Errors, "NODE"),
    };

    [GeneratedRegex(@"\b(granary\d+|rabbit)@[\w-]+")]
    private static partial Regex NodeName();
}
