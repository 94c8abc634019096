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
    [InlineData(false)]
    [InlineData(true)]
    public async Task Message_PublishedTwiceThroughTheExchange_ComesOnceToEachQueue(bool isDelayed)
    {
        var exchange = await DeclareAsync(isDelayed);
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

    private async Task<string> DeclareAsync(bool isDelayed)
    {
        var request = new DeclareExchangeRequest
        {
            Exchange = $"once.{Guid.NewGuid():n}",
            Type = isDelayed ? "x-delayed-message" : "direct",
            Durable = true,
            Arguments = new FieldTable { Entries = { new FieldEntry { Name = "x-message-deduplication", Value = new FieldValue { Boolean = true } } } },
        };
        if (isDelayed)
        {
            request.Arguments.Entries.Add(new FieldEntry { Name = "x-delayed-type", Value = new FieldValue { LongString = ByteString.CopyFromUtf8("direct") } });
        }

        await broker.Topology.DeclareExchangeAsync(request, With());
        return request.Exchange;
    }
}
