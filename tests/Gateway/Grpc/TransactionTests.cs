using Google.Protobuf;
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

    [Fact]
    public async Task Transaction_ThatMakesNoSense_EndsTheStreamAndDoesNothing()
    {
        var to = await broker.DeclareQueueAsync();
        var large = MessageOf(to, "");
        large.Body = ByteString.CopyFrom(new byte[(16 * 1024 * 1024) + 1]);
        (StatusCode, int, Transaction)[] cases =
        [
            (StatusCode.FailedPrecondition, 406, new Transaction { Acks = { 1, 1 } }),
            (StatusCode.FailedPrecondition, 406, new Transaction { Acks = { 1 }, Settlements = { new Settlement { DeliveryTag = 1, Outcome = Outcome.Reject } } }),
            (StatusCode.FailedPrecondition, 406, new Transaction { Acks = { 1, 9 } }),
            (StatusCode.InvalidArgument, 502, new Transaction { Acks = { 1 }, Settlements = { new Settlement { DeliveryTag = 2 } } }),
            (StatusCode.NotFound, 404, new Transaction { Acks = { 1 }, Messages = { MessageOf("key", "c", "no.such.exchange") } }),
            (StatusCode.PermissionDenied, 403, new Transaction { Acks = { 1 }, Messages = { MessageOf("key", "c", "amq.rabbitmq.trace") } }),
            (StatusCode.FailedPrecondition, 406, new Transaction { Acks = { 1 }, Messages = { large } }),
        ];
        foreach (var (status, code, transaction) in cases)
        {
            var from = await broker.DeclareQueueAsync();
            await broker.PublishAsync(from, "a", "b");
            using var consumer = await ConsumerStream.OpenAsync(broker, new Subscribe { Queue = from, Credit = 2 });
            await consumer.NextBodiesAsync(2);
            transaction.Messages.Insert(0, MessageOf(to, "c"));

            await consumer.SendAsync(new ConsumeRequest { Transaction = transaction });

            await ExpectAsync(status, code, consumer.ReadToEndAsync);
            await broker.WaitForReadyAsync(from, 2);
            Assert.Equal(0ul, await broker.CountReadyAsync(to));
        }
    }

    [Fact]
    public async Task Transaction_OfNothing_TakesEffect()
    {
        var queue = await broker.DeclareQueueAsync();
        using var consumer = await ConsumerStream.OpenAsync(broker, new Subscribe { Queue = queue });
        await consumer.SendAsync(new ConsumeRequest { Transaction = new Transaction { Id = 9 } });
        Assert.Equal(new TransactionResult { Id = 9 }, await NextResultAsync(consumer));
    }

    [Fact]
    public async Task Transaction_AQueueIsFull_NothingHappensAndDeliveriesAreStillOpen()
    {
        var (from, to) = (await broker.DeclareQueueAsync(), await broker.DeclareQueueAsync());
        var full = await broker.DeclareQueueAsync(
            ("x-max-length", new FieldValue { Int64 = 1 }), ("x-overflow", new FieldValue { LongString = ByteString.CopyFromUtf8("reject-publish") }));
        await broker.PublishAsync(from, "a");
        await broker.PublishAsync(full, "there");
        using var consumer = await ConsumerStream.OpenAsync(broker, new Subscribe { Queue = from, Credit = 1 });
        await consumer.NextBodiesAsync(1);

        await consumer.SendAsync(new ConsumeRequest { Transaction = new Transaction { Id = 1, Acks = { 1 }, Messages = { MessageOf(to, "c"), MessageOf(full, "c") } } });
        Assert.Equal((uint)StatusCode.ResourceExhausted, (await NextResultAsync(consumer)).Code);
        Assert.Equal((0ul, 1ul), (await broker.CountReadyAsync(to), await broker.CountReadyAsync(full)));

        await consumer.SendAsync(new ConsumeRequest { Transaction = new Transaction { Id = 2, Acks = { 1 }, Messages = { MessageOf(to, "c") } } });
        Assert.Equal(new TransactionResult { Id = 2 }, await NextResultAsync(consumer));
        await consumer.FinishAsync();
        Assert.Equal((0ul, 1ul), (await broker.CountReadyAsync(from), await broker.CountReadyAsync(to)));
    }

    [Fact]
    public async Task Transaction_OfWhichNothingComes_BringsNoMoreThanTheCredit()
    {
        var from = await broker.DeclareQueueAsync();
        var full = await broker.DeclareQueueAsync(
            ("x-max-length", new FieldValue { Int64 = 1 }), ("x-overflow", new FieldValue { LongString = ByteString.CopyFromUtf8("reject-publish") }));
        await broker.PublishAsync(from, "a", "b", "c");
        await broker.PublishAsync(full, "there");
        using var consumer = await ConsumerStream.OpenAsync(broker, new Subscribe { Queue = from, Credit = 1 });
        await consumer.NextBodiesAsync(1);
        for (var round = 0; round < 3; round++)
        {
            await consumer.SendAsync(new ConsumeRequest { Transaction = new Transaction { Id = 1, Acks = { 1 }, Messages = { MessageOf(full, "c") } } });
            Assert.Equal((uint)StatusCode.ResourceExhausted, (await NextResultAsync(consumer)).Code);
            Assert.Equal(2ul, await broker.CountReadyAsync(from));
        }

        await consumer.AckAsync(1);
        Assert.Equal(["b"], await consumer.NextBodiesAsync(1));
        await consumer.AckAsync(2);
        Assert.Equal(["c"], await consumer.NextBodiesAsync(1));
    }

    /// <summary>A stream keeps what is given back, and its consumer is given what follows.</summary>
    [Theory]
    [InlineData(Outcome.Ack)]
    [InlineData(Outcome.Requeue)]
    [InlineData(Outcome.Reject)]
    public async Task Transaction_OfDeliveriesOfAStream_HasItsConsumerGoOn(Outcome outcome)
    {
        var to = await broker.DeclareQueueAsync();
        var stream = $"stream.{Guid.NewGuid():n}";
        var text = static (string value) => new FieldValue { LongString = ByteString.CopyFromUtf8(value) };
        await broker.Topology.DeclareQueueAsync(
            new DeclareQueueRequest { Queue = stream, Durable = true, Arguments = new FieldTable { Entries = { new FieldEntry { Name = "x-queue-type", Value = text("stream") } } } }, With());
        await broker.PublishAsync(stream, "a", "b", "c");
        using var consumer = await ConsumerStream.OpenAsync(
            broker, new Subscribe { Queue = stream, Credit = 1, Arguments = new FieldTable { Entries = { new FieldEntry { Name = "x-stream-offset", Value = text("first") } } } });
        Assert.Equal(["a"], await consumer.NextBodiesAsync(1));
        var transaction = new Transaction { Id = 1, Settlements = { new Settlement { DeliveryTag = 1, Outcome = outcome } }, Messages = { MessageOf(to, "c") } };
        await consumer.SendAsync(new ConsumeRequest { Transaction = transaction });

        // In any order.
        var (results, next) = (0, new List<string>());
        while (results == 0 || next.Count == 0)
        {
            var response = await consumer.ReadAsync();
            results += response.Transaction is { Code: 0 } ? 1 : 0;
            next.AddRange(response.Deliveries.Select(static delivery => delivery.Body.ToStringUtf8()));
        }

        Assert.Equal(["b"], next);
        await consumer.AckAsync(2);
        Assert.Equal(["c"], await consumer.NextBodiesAsync(1));
        await broker.Topology.DeleteQueueAsync(new DeleteQueueRequest { Queue = stream }, With());
    }

    [Fact]
    public async Task Transaction_ThatReturnsAMessage_HasItComeOnceMore()
    {
        var (from, to) = (await broker.DeclareQueueAsync(), await broker.DeclareQueueAsync());
        await broker.PublishAsync(from, "a");
        using var consumer = await ConsumerStream.OpenAsync(broker, new Subscribe { Queue = from, Credit = 1 });
        await consumer.NextBodiesAsync(1);

        await consumer.SendAsync(new ConsumeRequest
        {
            Transaction = new Transaction { Id = 1, Settlements = { new Settlement { DeliveryTag = 1, Outcome = Outcome.Requeue } }, Messages = { MessageOf(to, "c") } },
        });

        // In any order, and once each.
        var (results, again) = (0, 0);
        while (results == 0 || again == 0)
        {
            var response = await consumer.ReadAsync();
            results += response.Transaction is null ? 0 : 1;
            again += response.Deliveries.Count;
            Assert.All(response.Deliveries, static delivery => Assert.Equal((2ul, true), (delivery.DeliveryTag, delivery.Redelivered)));
        }

        await broker.PublishAsync(from, "b");
        await consumer.AckAsync(2);
        Assert.Equal(("b", 3ul), await consumer.NextAsync() is { } next ? (next.Body.ToStringUtf8(), next.DeliveryTag) : default);
        await consumer.AckAsync(3);
        await consumer.FinishAsync();
        Assert.Equal((0ul, 1ul), (await broker.CountReadyAsync(from), await broker.CountReadyAsync(to)));
    }

    [Fact]
    public async Task Transaction_OfAConsumerWithoutAcknowledgements_PublishesAndSettlesNothing()
    {
        var (from, to) = (await broker.DeclareQueueAsync(), await broker.DeclareQueueAsync());
        await broker.PublishAsync(from, "a");
        using var consumer = await ConsumerStream.OpenAsync(broker, new Subscribe { Queue = from, NoAck = true });
        await consumer.NextBodiesAsync(1);
        await consumer.SendAsync(new ConsumeRequest { Transaction = new Transaction { Id = 1, Messages = { MessageOf(to, "c") } } });
        Assert.Equal(new TransactionResult { Id = 1 }, await NextResultAsync(consumer));
        await consumer.SendAsync(new ConsumeRequest { Transaction = new Transaction { Id = 2, Acks = { 1 }, Messages = { MessageOf(to, "c") } } });
        await ExpectAsync(StatusCode.FailedPrecondition, 406, consumer.ReadToEndAsync);
        Assert.Equal(1ul, await broker.CountReadyAsync(to));
    }

    [Fact]
    public async Task Transaction_JustBeforeTheClientHalfCloses_IsAnswered()
    {
        var (from, to) = (await broker.DeclareQueueAsync(), await broker.DeclareQueueAsync());
        await broker.PublishAsync(from, "a");
        using var consumer = await ConsumerStream.OpenAsync(broker, new Subscribe { Queue = from, Credit = 1 });
        await consumer.NextBodiesAsync(1);
        await consumer.SendAsync(new ConsumeRequest { Transaction = new Transaction { Id = 1, Acks = { 1 }, Messages = { MessageOf(to, "c") } } });

        Assert.Contains(await consumer.FinishAsync(), static response => response.Transaction is { Id: 1, Code: 0 });
        Assert.Equal((0ul, 1ul), (await broker.CountReadyAsync(from), await broker.CountReadyAsync(to)));
    }

    [Fact]
    public async Task Transaction_OfAStreamThatIsBrokenOff_HappensOrNot()
    {
        var (from, to) = (await broker.DeclareQueueAsync(), await broker.DeclareQueueAsync());
        for (var round = 0; round < 10; round++)
        {
            await broker.PublishAsync(from, "a");
            using (var consumer = await ConsumerStream.OpenAsync(broker, new Subscribe { Queue = from, Credit = 1 }))
            {
                await consumer.NextBodiesAsync(1);
                await consumer.SendAsync(new ConsumeRequest { Transaction = new Transaction { Id = 1, Acks = { 1 }, Messages = { MessageOf(to, "c") } } });
            }

            using var patience = new CancellationTokenSource(Patience);
            while (await broker.CountReadyAsync(from) + await broker.CountReadyAsync(to) != 1)
            {
                await Task.Delay(10, patience.Token);
            }

            _ = (await broker.GetAsync(from), await broker.GetAsync(to));
        }
    }

    [Fact]
    public async Task Transaction_ToQueuesOfAllKinds_DoesAtEachWhatAPublishDoes()
    {
        var text = static (string value) => new FieldValue { LongString = ByteString.CopyFromUtf8(value) };
        var delayed = $"delayed.{Guid.NewGuid():n}";
        await broker.Topology.DeclareExchangeAsync(
            new DeclareExchangeRequest
            {
                Exchange = delayed,
                Type = "x-delayed-message",
                Durable = true,
                Arguments = new FieldTable { Entries = { new FieldEntry { Name = "x-delayed-type", Value = text("direct") } } },
            },
            With());
        var (plain, priorities) = (await broker.DeclareQueueAsync(), await broker.DeclareQueueAsync(("x-max-priority", new FieldValue { Int64 = 5 })));
        var once = await broker.DeclareQueueAsync(("x-message-deduplication", new FieldValue { Boolean = true }));
        var stream = $"stream.{Guid.NewGuid():n}";
        await broker.Topology.DeclareQueueAsync(
            new DeclareQueueRequest { Queue = stream, Durable = true, Arguments = new FieldTable { Entries = { new FieldEntry { Name = "x-queue-type", Value = text("stream") } } } }, With());
        await broker.Topology.BindQueueAsync(new BindQueueRequest { Queue = plain, Exchange = delayed, RoutingKey = "later" }, With());
        var (low, high, twice, later) = (MessageOf(priorities, "low"), MessageOf(priorities, "high"), MessageOf(once, "one"), MessageOf("later", "late", delayed));
        high.Properties = new BasicProperties { Priority = 4 };
        twice.Properties = new BasicProperties { MessageId = "same" };
        later.Properties = new BasicProperties { Headers = new FieldTable { Entries = { new FieldEntry { Name = "x-delay", Value = new FieldValue { Int64 = 300 } } } } };
        var expired = MessageOf(plain, "expired");
        expired.Properties = new BasicProperties { Expiration = "0" };
        using var consumer = await ConsumerStream.OpenAsync(broker, new Subscribe { Queue = await broker.DeclareQueueAsync() });

        await consumer.SendAsync(new ConsumeRequest { Transaction = new Transaction { Id = 1, Messages = { low, high, twice, twice, later, expired, MessageOf(stream, "flows") } } });

        Assert.Equal(new TransactionResult { Id = 1 }, await NextResultAsync(consumer));
        Assert.Equal(["high", "low"], (await broker.GetAsync(priorities)).Select(static delivery => delivery.Body.ToStringUtf8()));
        Assert.Equal(["one"], (await broker.GetAsync(once)).Select(static delivery => delivery.Body.ToStringUtf8()));
        await broker.WaitForReadyAsync(plain, 1);
        Assert.Equal(["late"], (await broker.GetAsync(plain)).Select(static delivery => delivery.Body.ToStringUtf8()));
        using var reader = await ConsumerStream.OpenAsync(
            broker, new Subscribe { Queue = stream, Credit = 1, Arguments = new FieldTable { Entries = { new FieldEntry { Name = "x-stream-offset", Value = text("first") } } } });
        Assert.Equal(["flows"], await reader.NextBodiesAsync(1));
        await broker.Topology.DeleteQueueAsync(new DeleteQueueRequest { Queue = stream }, With());
        await broker.Topology.DeleteExchangeAsync(new DeleteExchangeRequest { Exchange = delayed }, With());
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
