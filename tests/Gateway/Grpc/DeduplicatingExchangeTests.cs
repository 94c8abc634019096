using Google.Protobuf;
using Granary.Testing.Brokers;
using Granary.V1;
using static Granary.Gateway.Tests.Grpc.GrpcBroker;

namespace Granary.Gateway.Tests.Grpc;

/// <summary>What is published through an exchange with x-message-deduplication comes once to each of its queues, whatever the queues say.</summary>
[WatchedBroker]
public sealed class DeduplicatingExchangeTests(GrpcBroker broker) : IClassFixture<GrpcBroker>
{
    [Theory]
    [InlineData("direct", null, "x-message-deduplication", "true")]
    [InlineData("x-delayed-message", "direct", "x-message-deduplication", "true")]
    [InlineData("x-message-deduplication", null, "x-cache-size", "100")]
    [InlineData("x-delayed-message", "x-message-deduplication", "x-cache-size", "100")]
    public async Task Message_PublishedTwiceThroughTheExchange_ComesOnceToEachQueue(string type, string? delayed, string argument, string value)
    {
        var exchange = await DeclareAsync(type, delayed, argument, value);
        string[] queues = [await broker.DeclareQueueAsync(), await broker.DeclareQueueAsync()];
        foreach (var queue in queues)
        {
            await broker.Topology.BindQueueAsync(new BindQueueRequest { Queue = queue, Exchange = exchange, RoutingKey = "k" }, With());
        }

        for (var i = 0; i < 3; i++)
        {
            Assert.True((await broker.Messaging.PublishAsync(new PublishRequest { Message = Same("k", exchange) }, With())).Routed);
        }

        // Not through it.
        await broker.Messaging.PublishAsync(new PublishRequest { Message = Same(queues[0], "") }, With());
        using var consumer = await ConsumerStream.OpenAsync(broker, new Subscribe { Queue = await broker.DeclareQueueAsync() });
        await consumer.SendAsync(new ConsumeRequest { Transaction = new Transaction { Id = 1, Messages = { Same("k", exchange), Same("k", exchange) } } });
        Assert.Equal(0u, (await consumer.ReadAsync()).Transaction.Code);
        await broker.WaitForReadyAsync(queues[0], 2);
        await broker.WaitForReadyAsync(queues[1], 1);
        await broker.Topology.DeleteExchangeAsync(new DeleteExchangeRequest { Exchange = exchange }, With());
    }

    private static Message Same(string key, string exchange)
    {
        var message = MessageOf(key, "same", exchange);
        message.Properties = new BasicProperties { MessageId = "same", Headers = new FieldTable { Entries = { new FieldEntry { Name = "x-delay", Value = new FieldValue { Int64 = 50 } } } } };
        return message;
    }

    private async Task<string> DeclareAsync(string type, string? delayed, string argument, string value)
    {
        var request = new DeclareExchangeRequest { Exchange = $"once.{Guid.NewGuid():n}", Type = type, Durable = true, Arguments = new FieldTable() };
        request.Arguments.Entries.Add(new FieldEntry { Name = argument, Value = bool.TryParse(value, out var flag) ? new FieldValue { Boolean = flag } : Text(value) });
        if (delayed is not null)
        {
            request.Arguments.Entries.Add(new FieldEntry { Name = "x-delayed-type", Value = Text(delayed) });
        }

        await broker.Topology.DeclareExchangeAsync(request, With());
        return request.Exchange;
    }

    private static FieldValue Text(string text) => new() { LongString = ByteString.CopyFromUtf8(text) };
}
