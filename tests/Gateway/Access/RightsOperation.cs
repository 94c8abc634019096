using Granary.V1;
using Grpc.Core;
using static Granary.Testing.Wire.WireMethods;

namespace Granary.Gateway.Tests.Access;

/// <summary>Something that needs rights, as each of the three protocols asks for it. What is there: queue q bound to exchange x by k, exchange y bound to x by k, topic exchange t.</summary>
/// <param name="Needs">Patterns of the names that the user has to be allowed to configure, write and read; empty: none.</param>
/// <param name="Amqp">A method on channel 1, or of basic.publish the first of its frames.</param>
/// <param name="Answer">The answer's ids over AMQP; none: there is no answer.</param>
/// <param name="Http">Method, path behind the vhost's, and body; null: there is no such request, or it asks for no rights.</param>
/// <param name="Grpc">Null: there is no such call.</param>
internal sealed record RightsOperation(
    string Name, (string Configure, string Write, string Read) Needs, Func<byte[]> Amqp, (ushort Class, ushort Method)? Answer, (string Method, string Path, string? Body)? Http,
    Func<ChannelBase, CallOptions, Task>? Grpc)
{
    private static readonly Dictionary<string, object?> DeadLetters = new() { ["x-dead-letter-exchange"] = "y" };
    private static readonly Dictionary<string, object?> Alternate = new() { ["alternate-exchange"] = "y" };

    /// <summary>The table of RabbitMQ's page on access control, row by row.</summary>
    public static readonly RightsOperation[] All =
    [
        new("queue.declare", ("new", "", ""), static () => QueueDeclare("new", durable: true), (50, 11), ("PUT", "queues/V/new", "{}"),
            static (channel, options) => TopologyOf(channel).DeclareQueueAsync(new DeclareQueueRequest { Queue = "new", Durable = true }, options).ResponseAsync),
        new("queue.declare of one that is there", ("q", "", ""), static () => QueueDeclare("q", durable: true), (50, 11), ("PUT", "queues/V/q", """{"durable":true}"""),
            static (channel, options) => TopologyOf(channel).DeclareQueueAsync(new DeclareQueueRequest { Queue = "q", Durable = true }, options).ResponseAsync),
        new("queue.declare with a dead letter exchange", ("new", "y", "new"), static () => QueueDeclare("new", durable: true, arguments: DeadLetters), (50, 11),
            ("PUT", "queues/V/new", """{"arguments":{"x-dead-letter-exchange":"y"}}"""),
            static (channel, options) => TopologyOf(channel).DeclareQueueAsync(new DeclareQueueRequest { Queue = "new", Durable = true, Arguments = Table("x-dead-letter-exchange") }, options).ResponseAsync),
        new("queue.delete", ("q", "", ""), static () => QueueDelete("q"), (50, 41), ("DELETE", "queues/V/q", null),
            static (channel, options) => TopologyOf(channel).DeleteQueueAsync(new DeleteQueueRequest { Queue = "q" }, options).ResponseAsync),
        new("queue.bind", ("", "q", "x"), static () => QueueBind("q", "x", "more"), (50, 21), ("POST", "bindings/V/e/x/q/q", """{"routing_key":"more"}"""),
            static (channel, options) => TopologyOf(channel).BindQueueAsync(new BindQueueRequest { Queue = "q", Exchange = "x", RoutingKey = "more" }, options).ResponseAsync),
        new("queue.unbind", ("", "q", "x"), static () => QueueUnbind("q", "x", "k"), (50, 51), ("DELETE", "bindings/V/e/x/q/q/k", null),
            static (channel, options) => TopologyOf(channel).UnbindQueueAsync(new UnbindQueueRequest { Queue = "q", Exchange = "x", RoutingKey = "k" }, options).ResponseAsync),
        new("queue.purge", ("", "", "q"), static () => QueuePurge("q"), (50, 31), ("DELETE", "queues/V/q/contents", null),
            static (channel, options) => TopologyOf(channel).PurgeQueueAsync(new PurgeQueueRequest { Queue = "q" }, options).ResponseAsync),
        new("exchange.declare", ("new", "", ""), static () => ExchangeDeclare("new", durable: true), (40, 11), ("PUT", "exchanges/V/new", """{"type":"direct"}"""),
            static (channel, options) => TopologyOf(channel).DeclareExchangeAsync(new DeclareExchangeRequest { Exchange = "new", Type = "direct", Durable = true }, options).ResponseAsync),
        new("exchange.declare with an alternate exchange", ("new", "y", "new"), static () => ExchangeDeclare("new", durable: true, arguments: Alternate), (40, 11),
            ("PUT", "exchanges/V/new", """{"type":"direct","arguments":{"alternate-exchange":"y"}}"""),
            static (channel, options) => TopologyOf(channel).DeclareExchangeAsync(new DeclareExchangeRequest { Exchange = "new", Type = "direct", Durable = true, Arguments = Table("alternate-exchange") }, options).ResponseAsync),
        new("exchange.delete", ("x", "", ""), static () => ExchangeDelete("x"), (40, 21), ("DELETE", "exchanges/V/x", null),
            static (channel, options) => TopologyOf(channel).DeleteExchangeAsync(new DeleteExchangeRequest { Exchange = "x" }, options).ResponseAsync),
        new("exchange.bind", ("", "y", "x"), static () => ExchangeBind("y", "x", "more"), (40, 31), ("POST", "bindings/V/e/x/e/y", """{"routing_key":"more"}"""),
            static (channel, options) => TopologyOf(channel).BindExchangeAsync(new BindExchangeRequest { Destination = "y", Source = "x", RoutingKey = "more" }, options).ResponseAsync),
        new("exchange.unbind", ("", "y", "x"), static () => ExchangeUnbind("y", "x", "k"), (40, 51), ("DELETE", "bindings/V/e/x/e/y/k", null),
            static (channel, options) => TopologyOf(channel).UnbindExchangeAsync(new UnbindExchangeRequest { Destination = "y", Source = "x", RoutingKey = "k" }, options).ResponseAsync),
        new("basic.publish", ("", "x", ""), static () => BasicPublish("x", "k"), null, ("POST", "exchanges/V/x/publish", Published("k")),
            static (channel, options) => MessagingOf(channel).PublishAsync(new PublishRequest { Message = new Message { Exchange = "x", RoutingKey = "k" } }, options).ResponseAsync),
        new("basic.publish to the default exchange", ("", "amq.default", ""), static () => BasicPublish("", "q"), null, ("POST", "exchanges/V/amq.default/publish", Published("q")),
            static (channel, options) => MessagingOf(channel).PublishAsync(new PublishRequest { Message = new Message { RoutingKey = "q" } }, options).ResponseAsync),
        new("basic.get", ("", "", "q"), static () => BasicGet("q", noAck: true), (60, 71), ("POST", "queues/V/q/get", """{"count":1,"ackmode":"ack_requeue_false","encoding":"auto"}"""),
            static (channel, options) => MessagingOf(channel).GetAsync(new GetRequest { Queue = "q", AutoAck = true, Limit = 1 }, options).ResponseAsync),
        new("basic.consume", ("", "", "q"), static () => BasicConsume("q", noAck: true), (60, 21), null, ConsumeAsync),
        new("basic.get, to look at it", ("", "", "q"), static () => BasicGet("q", noAck: true), (60, 71), ("GET", "queues/V/q/messages", null),
            static (channel, options) => MessagingOf(channel).BrowseAsync(new BrowseRequest { Queue = "q" }, options).ResponseAsync),
    ];

    public override string ToString() => Name;

    private static string Published(string key) => $$"""{"properties":{},"routing_key":"{{key}}","payload":"1","payload_encoding":"string"}""";

    private static V1.Topology.TopologyClient TopologyOf(ChannelBase channel) => new(channel);

    private static Messaging.MessagingClient MessagingOf(ChannelBase channel) => new(channel);

    private static FieldTable Table(string name) =>
        new() { Entries = { new FieldEntry { Name = name, Value = new FieldValue { LongString = Google.Protobuf.ByteString.CopyFromUtf8("y") } } } };

    private static async Task ConsumeAsync(ChannelBase channel, CallOptions options)
    {
        using var stream = MessagingOf(channel).Consume(options);
        await stream.RequestStream.WriteAsync(new ConsumeRequest { Subscribe = new Subscribe { Queue = "q", Credit = 1, NoAck = true } });
        await stream.ResponseStream.MoveNext(CancellationToken.None);
    }
}
