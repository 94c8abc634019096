using System.Globalization;
using System.Text;
using Google.Protobuf;
using Granary.Gateway.Tests.Grpc;
using Granary.Testing.Brokers;
using Granary.Testing.Processes;
using Granary.Testing.Unkind;
using Granary.V1;
using Grpc.Net.Client;
using RabbitMQ.Client;
using FieldTable = Granary.V1.FieldTable;

namespace Granary.Gateway.Tests.Tracing;

/// <summary>A broker that sends spans to a collector.</summary>
public sealed class TracedBroker : IAsyncLifetime
{
    private OtlpReceiver? _collector;
    private BrokerProcess? _broker;

    internal OtlpReceiver Collector => _collector!;

    public BrokerProcess Broker => _broker!;

    public static Task<IConnection> ConnectAsync(BrokerProcess broker) => new ConnectionFactory { Uri = new Uri(broker.AmqpUrl) }.CreateConnectionAsync();

    public Task InitializeAsync() => StartAsync(isGrpc: false);

    public async Task DisposeAsync()
    {
        await Broker.DisposeAsync();
        await Collector.DisposeAsync();
    }

    internal async Task StartAsync(bool isGrpc, params string[] more)
    {
        _collector = await OtlpReceiver.StartAsync(isGrpc);
        _broker = await BrokerProcess.StartAsync(["--otlp-endpoint", _collector.Address, "--otlp-protocol", isGrpc ? "grpc" : "http/protobuf", .. more]);
    }
}

/// <summary>Spans of messages, as a collector gets them.</summary>
[Trait(TestSeed.Trait, TestSeed.NotConcerned)]
public sealed class MessageSpanTests(TracedBroker traced) : IClassFixture<TracedBroker>
{
    private const int Producer = 4, Consumer = 5;

    private const int CannotSend = 9401;

    [Fact]
    public async Task Message_WithATrace_ContinuesItFromPublisherToConsumerOverBothProtocols()
    {
        var (trace, parent) = NewTrace();
        await using var connection = await TracedBroker.ConnectAsync(traced.Broker);
        await using var channel = await connection.CreateChannelAsync();
        await channel.QueueDeclareAsync("over-both", durable: true, exclusive: false, autoDelete: true);
        await channel.QueueBindAsync("over-both", "amq.direct", "k");
        var properties = new RabbitMQ.Client.BasicProperties
        {
            MessageId = "m-1",
            CorrelationId = "c-1",
            Headers = new Dictionary<string, object?> { ["first"] = 1, ["traceparent"] = $"00-{trace}-{parent}-01", ["tracestate"] = "vendor=1" },
        };
        await channel.BasicPublishAsync("amq.direct", "k", mandatory: false, properties, "body"u8.ToArray());
        var got = await channel.BasicGetAsync("over-both", autoAck: false);
        var seen = TextOf(got!.BasicProperties.Headers!["traceparent"]);
        await channel.BasicNackAsync(got.DeliveryTag, multiple: false, requeue: true);
        Assert.Equal(1u, (await channel.QueueDeclarePassiveAsync("over-both")).MessageCount);
        var taken = await GetOverGrpcAsync("over-both");

        var spans = await traced.Collector.WaitForAsync(span => span.Trace == trace, 3);
        var published = Assert.Single(spans, span => span.Name == "publish amq.direct");
        Assert.Equal((parent, Consumer), (published.Parent, published.Kind));
        Assert.Equal(
            [
                ("granary.vhost", "/"), ("messaging.destination.name", "amq.direct:k"), ("messaging.message.body.size", "4"), ("messaging.message.conversation_id", "c-1"),
                ("messaging.message.id", "m-1"), ("messaging.operation.name", "publish"), ("messaging.operation.type", "receive"),
                ("messaging.rabbitmq.destination.routing_key", "k"), ("messaging.system", "rabbitmq"), ("network.protocol.name", "amqp"),
            ],
            published.Attributes.Select(pair => (pair.Key, pair.Value)).Order());
        Assert.Equal("granary", published.Resource["service.name"]);

        // Whoever consumes goes on from the broker's span, and all else is as it was.
        Assert.Equal($"00-{trace}-{published.Id}-01", seen);
        Assert.Equal(["first", "traceparent", "tracestate"], got.BasicProperties.Headers.Keys);
        var delivered = spans.Where(span => span.Name == "deliver over-both").ToArray();
        Assert.Equal(2, delivered.Length);
        Assert.All(delivered, span => Assert.Equal((published.Id, Producer, "amq.direct:k:over-both"), (span.Parent, span.Kind, span.Attributes["messaging.destination.name"])));
        Assert.Equal(["amqp", "grpc"], delivered.Select(span => span.Attributes["network.protocol.name"]).Order());
        Assert.Equal("true", Assert.Single(delivered, span => span.Attributes["network.protocol.name"] == "grpc").Attributes["granary.message.redelivered"]);
        Assert.Equal(seen, TextOf(taken.Properties.Headers.Entries.Single(entry => entry.Name == "traceparent").Value.LongString.ToByteArray()));
    }

    [Fact]
    public async Task Message_PublishedOverGrpc_IsTracedToAnAmqpConsumer()
    {
        var (trace, parent) = NewTrace();
        await using var connection = await TracedBroker.ConnectAsync(traced.Broker);
        await using var channel = await connection.CreateChannelAsync();
        await channel.QueueDeclareAsync("from-grpc", durable: true, exclusive: false, autoDelete: true);
        using var grpc = GrpcChannel.ForAddress(string.Create(CultureInfo.InvariantCulture, $"http://127.0.0.1:{traced.Broker.GrpcPort}"));
        var message = GrpcBroker.MessageOf("from-grpc", "body");
        message.Properties = new V1.BasicProperties { Headers = new FieldTable { Entries = { new FieldEntry { Name = "traceparent", Value = new FieldValue { LongString = ByteString.CopyFromUtf8($"00-{trace}-{parent}-01") } } } } };
        await new Messaging.MessagingClient(grpc).PublishAsync(new PublishRequest { Message = message }, GrpcBroker.With());
        await channel.BasicGetAsync("from-grpc", autoAck: true);

        var spans = await traced.Collector.WaitForAsync(span => span.Trace == trace, 2);
        var published = Assert.Single(spans, span => span.Name == "publish amq.default");
        Assert.Equal(("grpc", "from-grpc"), (published.Attributes["network.protocol.name"], published.Attributes["messaging.destination.name"]));
        Assert.Equal(published.Id, Assert.Single(spans, span => span.Name == "deliver from-grpc").Parent);
    }

    [Fact]
    public async Task Message_WithoutATraceOrNotSampled_PassesUntouchedAndUntraced()
    {
        var (trace, parent) = NewTrace();
        await using var connection = await TracedBroker.ConnectAsync(traced.Broker);
        await using var channel = await connection.CreateChannelAsync();
        await channel.QueueDeclareAsync("untraced", durable: true, exclusive: false, autoDelete: true);
        string[] headers = [$"00-{NewTrace().Trace}-{parent}-00", "garbage", $"00-{new string('0', 32)}-{parent}-01"];
        foreach (var header in headers)
        {
            await channel.BasicPublishAsync("", "untraced", mandatory: false, new RabbitMQ.Client.BasicProperties { Headers = new Dictionary<string, object?> { ["traceparent"] = header } }, "x"u8.ToArray());
        }

        await channel.BasicPublishAsync("", "untraced", "bare"u8.ToArray());
        await channel.BasicPublishAsync("", "untraced", mandatory: false, new RabbitMQ.Client.BasicProperties { Headers = new Dictionary<string, object?> { ["traceparent"] = $"00-{trace}-{parent}-01" } }, "last"u8.ToArray());
        foreach (var header in headers)
        {
            Assert.Equal(header, TextOf((await channel.BasicGetAsync("untraced", autoAck: true))!.BasicProperties.Headers!["traceparent"]));
        }

        Assert.Null((await channel.BasicGetAsync("untraced", autoAck: true))!.BasicProperties.Headers);
        await channel.BasicGetAsync("untraced", autoAck: true);
        await traced.Collector.WaitForAsync(span => span.Trace == trace, 2);
        Assert.All(traced.Collector.All, span => Assert.True(span.Parent.Length > 0 && !headers.Any(header => header.Contains(span.Trace, StringComparison.Ordinal))));
    }

    [Fact]
    public async Task Message_SampledByTheBroker_BeginsATraceThatItsConsumerCanContinue()
    {
        var own = new TracedBroker();
        await own.StartAsync(isGrpc: true, "--trace-sample-ratio", "1");
        try
        {
            await SampleAsync(own);
        }
        finally
        {
            await own.DisposeAsync();
        }
    }

    private static async Task SampleAsync(TracedBroker own)
    {
        await using var connection = await TracedBroker.ConnectAsync(own.Broker);
        await using var channel = await connection.CreateChannelAsync();
        await channel.QueueDeclareAsync("q", durable: true, exclusive: false, autoDelete: true);
        for (var i = 0; i < 3; i++)
        {
            await channel.BasicPublishAsync(
                "", "q", mandatory: false, new RabbitMQ.Client.BasicProperties { Expiration = "60000", Priority = 2, Headers = new Dictionary<string, object?> { ["n"] = i } }, Encoding.UTF8.GetBytes($"body {i}"));
        }

        for (var i = 0; i < 3; i++)
        {
            var got = await channel.BasicGetAsync("q", autoAck: true);
            Assert.Equal(($"body {i}", "60000", 2, (object?)i), (Encoding.UTF8.GetString(got!.Body.Span), got.BasicProperties.Expiration, got.BasicProperties.Priority, got.BasicProperties.Headers!["n"]));
            var parts = TextOf(got.BasicProperties.Headers["traceparent"]).Split('-');
            var spans = await own.Collector.WaitForAsync(span => span.Trace == parts[1], 2);
            var published = Assert.Single(spans, static span => span.Parent.Length == 0);
            Assert.Equal(("publish amq.default", parts[2], "01"), (published.Name, published.Id, parts[3]));
            Assert.Equal(published.Id, Assert.Single(spans, static span => span.Name == "deliver q").Parent);
        }
    }

    [Fact]
    public async Task Message_WhenTheCollectorIsAway_GoesItsWay()
    {
        await using var broker = await BrokerProcess.StartAsync("--otlp-endpoint", $"http://127.0.0.1:{FreePort.Take(1)[0].ToString(CultureInfo.InvariantCulture)}", "--otlp-protocol", "http/protobuf");
        broker.Watched.Expect(CannotSend);
        await using var connection = await TracedBroker.ConnectAsync(broker);
        await using var channel = await connection.CreateChannelAsync();
        await channel.QueueDeclareAsync("q", durable: true, exclusive: false, autoDelete: true);
        var (trace, parent) = NewTrace();
        await channel.BasicPublishAsync("", "q", mandatory: false, new RabbitMQ.Client.BasicProperties { Headers = new Dictionary<string, object?> { ["traceparent"] = $"00-{trace}-{parent}-01" } }, "x"u8.ToArray());
        Assert.NotNull(await channel.BasicGetAsync("q", autoAck: true));
        using var patience = new CancellationTokenSource(TimeSpan.FromSeconds(60));
        while (!broker.Watched.Lines.Any(static line => line.Event == CannotSend))
        {
            await Task.Delay(50, patience.Token);
        }
    }

    private static (string Trace, string Parent) NewTrace() => (Guid.NewGuid().ToString("N"), Guid.NewGuid().ToString("N")[..16]);

    private static string TextOf(object? header) => Encoding.ASCII.GetString((byte[])header!);

    private async Task<Delivery> GetOverGrpcAsync(string queue)
    {
        using var grpc = GrpcChannel.ForAddress(string.Create(CultureInfo.InvariantCulture, $"http://127.0.0.1:{traced.Broker.GrpcPort}"));
        return Assert.Single((await new Messaging.MessagingClient(grpc).GetAsync(new GetRequest { Queue = queue, AutoAck = true }, GrpcBroker.With())).Deliveries);
    }
}
