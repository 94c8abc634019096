using Granary.Gateway.Tests.Management;
using Granary.Testing.Brokers;

namespace Granary.Gateway.Tests.Metrics;

/// <summary>
/// RabbitMQ's dashboard "RabbitMQ-Overview" for Grafana (rabbitmq_prometheus, as of RabbitMQ 4.2), held against a Prometheus that scrapes a broker: which metrics it asks
/// for, with which labels, and how it combines them. The file itself is not here.
/// </summary>
[WatchedBroker]
public sealed class OverviewDashboardTests(ApiBroker broker) : IClassFixture<ApiBroker>
{
    private const string Range = "10s";

    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(60);

    // Shown as they are, for each node or as a sum.
    private static readonly string[] Gauges =
        ["channels", "connections", "queues", "queue_messages_ready", "queue_messages_unacked", "global_consumers", "global_publishers"];

    // Shown as what is left of the second.
    private static readonly (string Used, string Limit)[] Limited =
    [
        ("process_open_fds", "process_max_fds"), ("process_resident_memory_bytes", "resident_memory_limit_bytes"),
        ("disk_space_available_limit_bytes", "disk_space_available_bytes"),
    ];

    // Shown as rates, by node.
    private static readonly string[] Counters =
    [
        "channels_opened_total", "channels_closed_total", "connections_opened_total", "connections_closed_total", "queues_declared_total", "queues_created_total", "queues_deleted_total",
        "global_messages_received_total", "global_messages_confirmed_total", "global_messages_routed_total", "global_messages_unroutable_dropped_total",
        "global_messages_unroutable_returned_total", "global_messages_delivered_total", "global_messages_redelivered_total", "global_messages_acknowledged_total",
        "global_messages_delivered_consume_auto_ack_total", "global_messages_delivered_consume_manual_ack_total", "global_messages_delivered_get_auto_ack_total",
        "global_messages_delivered_get_manual_ack_total", "global_messages_get_empty_total",
    ];

    // The buckets of message sizes, as Prometheus writes them from version 3 on.
    private static readonly string[] Sizes = ["100.0", "1000.0", "10000.0", "100000.0", "1e+06", "1e+07", "5e+07", "1e+08", "+Inf"];

    [PrometheusFact]
    public async Task EachExpression_OfTheDashboard_HasASeries()
    {
        await broker.PublishAsync(await broker.DeclareQueueAsync(), "x");
        await using var server = await PrometheusServer.StartAsync(broker.Metrics);
        var missing = Expressions().ToList();
        for (var start = TimeProvider.System.GetTimestamp(); missing.Count > 0 && TimeProvider.System.GetElapsedTime(start) < Patience; await Task.Delay(200))
        {
            // A rate takes two scrapes.
            foreach (var expression in missing.ToArray())
            {
                if (await server.CountAsync(expression) == 0)
                {
                    break;
                }

                missing.Remove(expression);
            }
        }

        Assert.Empty(missing);
        Assert.Equal(0, await server.CountAsync(Of("rabbitmq_there_is_no_such_metric")));
    }

    private static IEnumerable<string> Expressions() =>
    [
        // The lists to choose from at its top.
        "count by (namespace) (rabbitmq_identity_info)", "count by (rabbitmq_cluster) (rabbitmq_identity_info{namespace=\"n\"})",
        "count by (rabbitmq_endpoint) (rabbitmq_identity_info{namespace=\"n\", rabbitmq_endpoint!=\"memory-breakdown\"})",

        "count(rabbitmq_identity_info{namespace=\"n\", rabbitmq_endpoint=\"aggregated\"})",
        Of("rabbitmq_erlang_uptime_seconds * on(instance, job) group_left(rabbitmq_version, erlang_version) rabbitmq_build_info"),
        .. Gauges.SelectMany(gauge => new[] { Of($"rabbitmq_{gauge}"), Sum($"rabbitmq_{gauge}") }),
        .. Limited.Select(pair => Of($"(rabbitmq_{pair.Limit} - rabbitmq_{pair.Used})")),
        .. Counters.Select(counter => Sum(Rate(counter))),
        $"sum({Of(Rate("global_messages_delivered_consume_auto_ack_total"))} + {Of(Rate("global_messages_delivered_consume_manual_ack_total"))}) by (rabbitmq_node)",
        $"sum({Of(Rate("global_messages_received_confirm_total"))} - {Of(Rate("global_messages_confirmed_total"))}) by (rabbitmq_node)",
        $"{Sum($"increase(rabbitmq_message_size_bytes_sum[{Range}])")} / {Sum($"increase(rabbitmq_message_size_bytes_count[{Range}])")}",
        .. Sizes.Select(size => $"{Sum(Increase(size))} / {Sum(Increase("+Inf"))}"),
    ];

    private static string Increase(string size) => $"increase(rabbitmq_message_size_bytes_bucket{{le=\"{size}\"}}[{Range}])";

    private static string Rate(string counter) => $"rate(rabbitmq_{counter}[{Range}])";

    // With the names of cluster and node, which only one metric has.
    private static string Of(string expression) =>
        $"({expression} * on(instance, job) group_left(rabbitmq_cluster, rabbitmq_node) rabbitmq_identity_info{{namespace=\"n\", rabbitmq_endpoint=\"aggregated\"}})";

    private static string Sum(string expression) => $"sum({Of(expression)}) by (rabbitmq_node)";
}
