using Granary.Testing.Brokers;
using Granary.V1;
using Grpc.Core;
using static Granary.Gateway.Tests.Grpc.GrpcBroker;

namespace Granary.Gateway.Tests.Grpc;

/// <summary>Settlements and messages of one request that belong together.</summary>
[WatchedBroker]
public sealed class TransactionTests(GrpcBroker broker) : IClassFixture<GrpcBroker>
{
    [Fact]
    public async Task Transaction_AckHereAndPublishThere_TakeEffectTogether()
    {
        var (from, to) = (await broker.DeclareQueueAsync(), await broker.DeclareQueueAsync());
        await broker.PublishAsync(from, "a", "b");
        using var consumer = await ConsumerStream.OpenAsync(broker, new Subscribe { Queue = from, Credit = 2 });
        Assert.Equal(["a", "b"], await consumer.NextBodiesAsync(2));

        await consumer.SendAsync(new ConsumeRequest { Transaction = new Transaction { Id = 5, Acks = { 1 }, Messages = { MessageOf(to, "c") } } });

        Assert.Equal(new TransactionResult { Id = 5 }, await NextResultAsync(consumer));
        Assert.Equal(1ul, await broker.CountReadyAsync(to));
        await consumer.FinishAsync();
        Assert.Equal(1ul, await broker.CountReadyAsync(from));
    }

    [Fact]
    public async Task Transaction_MandatoryMessageHasNoQueue_NothingHappensAndDeliveriesAreStillOpen()
    {
        var (from, to) = (await broker.DeclareQueueAsync(), await broker.DeclareQueueAsync());
        await broker.PublishAsync(from, "a");
        using var consumer = await ConsumerStream.OpenAsync(broker, new Subscribe { Queue = from, Credit = 1 });
        Assert.Equal(["a"], await consumer.NextBodiesAsync(1));
        var nowhere = MessageOf("nowhere.at.all", "c");
        nowhere.Mandatory = true;

        await consumer.SendAsync(new ConsumeRequest { Transaction = new Transaction { Id = 6, Acks = { 1 }, Messages = { MessageOf(to, "c"), nowhere } } });

        var result = await NextResultAsync(consumer);
        Assert.Equal((6ul, (uint)StatusCode.NotFound), (result.Id, result.Code));
        Assert.Equal(0ul, await broker.CountReadyAsync(to));
        await consumer.AckAsync(1);
        await consumer.FinishAsync();
        Assert.Equal(0ul, await broker.CountReadyAsync(from));
    }

    [Fact]
    public async Task Transaction_UnknownTag_EndsTheStreamAndPublishesNothing()
    {
        var (from, to) = (await broker.DeclareQueueAsync(), await broker.DeclareQueueAsync());
        using var consumer = await ConsumerStream.OpenAsync(broker, new Subscribe { Queue = from });

        await consumer.SendAsync(new ConsumeRequest { Transaction = new Transaction { Id = 7, Acks = { 1 }, Messages = { MessageOf(to, "c") } } });

        var error = await Assert.ThrowsAsync<RpcException>(consumer.ReadToEndAsync);
        Assert.Equal(StatusCode.FailedPrecondition, error.StatusCode);
        Assert.Equal(0ul, await broker.CountReadyAsync(to));
    }

    private static async Task<TransactionResult> NextResultAsync(ConsumerStream consumer)
    {
        while (true)
        {
            if ((await consumer.ReadAsync()).Transaction is { } result)
            {
                return result;
            }
        }
    }
}
