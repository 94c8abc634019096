using System.Runtime.InteropServices;
using Granary.Amqp;

namespace Granary.Gateway.Amqp.Connections;

/// <summary>The table that connection.start carries.</summary>
internal static class ServerProperties
{
    private static readonly string[] Capabilities =
    [
        "publisher_confirms", "exchange_exchange_bindings", "basic.nack", "consumer_cancel_notify", "connection.blocked",
        "consumer_priorities", "authentication_failure_close", "per_consumer_qos", "direct_reply_to",
    ];

    public static FieldTable Of(AmqpOptions options) => FieldTable.Of(
        ("capabilities", new FieldTable(Capabilities.Select(name => KeyValuePair.Create(name, (FieldValue)true)))),
        ("cluster_name", options.ClusterName),
        ("copyright", "Copyright (c) the Granary authors."),
        ("information", "Granary, a message broker that speaks AMQP 0-9-1 as RabbitMQ does"),
        ("platform", RuntimeInformation.FrameworkDescription),
        ("product", options.Product),
        ("version", options.Version));
}
