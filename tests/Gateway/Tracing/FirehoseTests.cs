using System.Globalization;
using System.Net;
using System.Text;
using Granary.Gateway.Tests.Management;
using Granary.Testing.Brokers;
using RabbitMQ.Client;
using RabbitMQ.Client.Events;

namespace Granary.Gateway.Tests.Tracing;

/// <summary>Copies of all messages of a vhost at amq.rabbitmq.trace (rabbit_trace).</summary>
[WatchedBroker]
public sealed class FirehoseTests(ApiBroker broker) : IClassFixture<ApiBroker>
{
    [Fact]
    public async Task Message_InATracedVhost_IsToldWhenPublishedAndWhenDelivered()
    {
        var vhost = await NewVhostAsync();
        await using var connection = await ConnectAsync(vhost);
        await using var channel = await connection.CreateChannelAsync();
        await channel.QueueDeclareAsync("q", durable: false, exclusive: false, autoDelete: false);
        await channel.QueueBindAsync("q", "amq.direct", "k");
        await DeclareTraceAsync(channel);
        await TraceAsync(vhost, isOn: true);

        var properties = new BasicProperties
        {
            MessageId = "m",
            Priority = 3,
            DeliveryMode = DeliveryModes.Transient,
            Timestamp = new AmqpTimestamp(1_700_000_000),
            Headers = new Dictionary<string, object?> { ["h"] = 1, ["CC"] = new List<object?> { "other" } },
        };
        await channel.BasicPublishAsync("amq.direct", "k", mandatory: false, properties, "body"u8.ToArray());
        Assert.NotNull(await channel.BasicGetAsync("q", autoAck: true));

        var published = await NextAsync(channel);
        Assert.Equal(("publish.amq.direct", "body"), (published.RoutingKey, Encoding.UTF8.GetString(published.Body.Span)));
        var name = (string)(await broker.WaitForAsync("connections?columns=name,vhost", all => all.AsArray().Any(of => (string)of!["vhost"]! == vhost)))
            .AsArray().Single(of => (string)of!["vhost"]! == vhost)!["name"]!;
        Assert.Equal(
            $"exchange_name=amq.direct routing_keys=[k,other] properties={{headers={{h=1,CC=[other]}},delivery_mode=1,priority=3,message_id=m,timestamp=1700000000}} "
            + $"vhost={vhost} connection={name} channel=1 user=guest routed_queues=[q]",
            Told(published));
        var delivered = await NextAsync(channel);
        Assert.Equal(("deliver.q", "body"), (delivered.RoutingKey, Encoding.UTF8.GetString(delivered.Body.Span)));
        Assert.EndsWith($" redelivered=0 vhost={vhost} connection={name} channel=1 user=guest", Told(delivered), StringComparison.Ordinal);
    }

    [Fact]
    public async Task Delivery_ToAConsumer_IsToldWithWhetherItWasSeenBefore()
    {
        var vhost = await NewVhostAsync();
        await using var connection = await ConnectAsync(vhost);
        await using var channel = await connection.CreateChannelAsync();
        await channel.QueueDeclareAsync("q", durable: false, exclusive: false, autoDelete: false);
        await DeclareTraceAsync(channel);
        await channel.BasicPublishAsync("", "q", "x"u8.ToArray());

        // What the channel asks next is answered after the message was taken: nobody traces that.
        Assert.Equal(1u, (await channel.QueueDeclarePassiveAsync("q")).MessageCount);
        await TraceAsync(vhost, isOn: true);
        var consumer = new AsyncEventingBasicConsumer(channel);
        var acknowledged = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        consumer.ReceivedAsync += async (_, delivery) =>
        {
            if (delivery.Redelivered)
            {
                await channel.BasicAckAsync(delivery.DeliveryTag, multiple: false);
                acknowledged.TrySetResult();
                return;
            }

            await channel.BasicNackAsync(delivery.DeliveryTag, multiple: false, requeue: true);
        };
        await channel.BasicConsumeAsync("q", autoAck: false, consumer);

        foreach (var redelivered in new[] { 0, 1 })
        {
            var told = await NextAsync(channel);
            Assert.Equal(("deliver.q", redelivered), (told.RoutingKey, (int)told.BasicProperties.Headers!["redelivered"]!));
        }

        // The channel is closed behind this: what came after that would be an error.
        await acknowledged.Task.WaitAsync(TimeSpan.FromSeconds(30));
    }

    [Fact]
    public async Task Message_OverGrpc_IsToldAsWell()
    {
        var vhost = await NewVhostAsync();
        await using var connection = await ConnectAsync(vhost);
        await using var channel = await connection.CreateChannelAsync();
        await channel.QueueDeclareAsync("q", durable: false, exclusive: false, autoDelete: false);
        await DeclareTraceAsync(channel);
        await TraceAsync(vhost, isOn: true);

        // The API publishes and gets as gRPC does.
        var message = """{"properties":{},"routing_key":"q","payload":"p","payload_encoding":"string"}""";
        Assert.Equal(HttpStatusCode.OK, (await broker.SendAsync(HttpMethod.Post, $"exchanges/{vhost}/amq.default/publish", message)).Status);
        Assert.Equal(HttpStatusCode.OK, (await broker.SendAsync(HttpMethod.Post, $"queues/{vhost}/q/get", """{"count":1,"ackmode":"ack_requeue_false","encoding":"auto"}""")).Status);

        Assert.Equal("publish.", (await NextAsync(channel)).RoutingKey);
        Assert.Equal("deliver.q", (await NextAsync(channel)).RoutingKey);
    }

    [Fact]
    public async Task Tracing_TurnedOff_TellsNothingFromTheAnswerOn()
    {
        var vhost = await NewVhostAsync();
        await using var connection = await ConnectAsync(vhost);
        await using var channel = await connection.CreateChannelAsync();
        await DeclareTraceAsync(channel);
        await TraceAsync(vhost, isOn: true);
        Assert.True((bool)(await broker.GetAsync($"vhosts/{vhost}"))["tracing"]!);
        await channel.BasicPublishAsync("amq.fanout", "1", "x"u8.ToArray());
        Assert.Equal(["1"], Keys(await NextAsync(channel)));

        await TraceAsync(vhost, isOn: false);
        Assert.False((bool)(await broker.GetAsync($"vhosts/{vhost}"))["tracing"]!);
        await channel.BasicPublishAsync("amq.fanout", "2", "x"u8.ToArray());

        // What the channel asks next is answered after the message was taken.
        await channel.QueueDeclarePassiveAsync("trace");
        await TraceAsync(vhost, isOn: true);
        await channel.BasicPublishAsync("amq.fanout", "3", "x"u8.ToArray());
        Assert.Equal(["3"], Keys(await NextAsync(channel)));
    }

    private static string[] Keys(BasicGetResult told) => [.. ((List<object>)told.BasicProperties.Headers!["routing_keys"]!).Select(key => Encoding.UTF8.GetString((byte[])key))];

    // Without the node's name, which is another one on each machine.
    private static string Told(BasicGetResult told) =>
        string.Join(' ', told.BasicProperties.Headers!.Where(header => header.Key != "node").Select(header => $"{header.Key}={Text(header.Value)}"));

    private static string Text(object? value) => value switch
    {
        byte[] text => Encoding.UTF8.GetString(text),
        List<object> list => $"[{string.Join(',', list.Select(Text))}]",
        IDictionary<string, object?> table => $"{{{string.Join(',', table.Select(entry => $"{entry.Key}={Text(entry.Value)}"))}}}",
        _ => Convert.ToString(value, CultureInfo.InvariantCulture)!,
    };

    private static async Task<BasicGetResult> NextAsync(IChannel channel)
    {
        using var patience = new CancellationTokenSource(TimeSpan.FromSeconds(20));
        while (true)
        {
            // What is told of the queue of what is told would never end: it is not.
            if (await channel.BasicGetAsync("trace", autoAck: true, patience.Token) is { } told)
            {
                return told;
            }

            await Task.Delay(10, patience.Token);
        }
    }

    private static async Task DeclareTraceAsync(IChannel channel)
    {
        await channel.QueueDeclareAsync("trace", durable: false, exclusive: false, autoDelete: false);
        await channel.QueueBindAsync("trace", "amq.rabbitmq.trace", "#");
    }

    private async Task TraceAsync(string vhost, bool isOn) =>
        Assert.Equal(HttpStatusCode.NoContent, (await broker.SendAsync(HttpMethod.Put, $"vhosts/{vhost}", $$"""{"tracing":{{(isOn ? "true" : "false")}}}""")).Status);

    private async Task<string> NewVhostAsync()
    {
        var vhost = ApiBroker.New("traced");
        Assert.Equal(HttpStatusCode.Created, (await broker.SendAsync(HttpMethod.Put, $"vhosts/{vhost}", "{}")).Status);
        return vhost;
    }

    private Task<IConnection> ConnectAsync(string vhost) =>
        new ConnectionFactory { HostName = "127.0.0.1", Port = broker.Broker.AmqpPort, VirtualHost = vhost, AutomaticRecoveryEnabled = false }.CreateConnectionAsync();
}
