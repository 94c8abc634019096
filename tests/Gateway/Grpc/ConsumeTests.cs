using Google.Protobuf;
using Granary.Testing.Brokers;
using Granary.V1;
using Grpc.Core;
using static Granary.Gateway.Tests.Grpc.GrpcBroker;

namespace Granary.Gateway.Tests.Grpc;

[WatchedBroker]
public sealed class ConsumeTests(GrpcBroker broker) : IClassFixture<GrpcBroker>
{
    [Fact]
    public async Task Consume_Messages_ArriveInOrderWithTagsFromOne()
    {
        var queue = await broker.DeclareQueueAsync();
        await broker.PublishAsync(queue, "a", "b");
        using var consumer = await ConsumerStream.OpenAsync(broker, new Subscribe { Queue = queue, ConsumerTag = "mine" });
        Assert.Equal("mine", consumer.Tag);
        var (first, second) = (await consumer.NextAsync(), await consumer.NextAsync());
        Assert.Equal((1ul, "a", false, queue, ""), (first.DeliveryTag, first.Body.ToStringUtf8(), first.Redelivered, first.RoutingKey, first.Exchange));
        Assert.Equal((2ul, "b"), (second.DeliveryTag, second.Body.ToStringUtf8()));
        await consumer.AckAsync(1, 2);

        await consumer.FinishAsync();
        Assert.Equal(0ul, await broker.CountReadyAsync(queue));
    }

    [Fact]
    public async Task Credit_IsNeverExceeded()
    {
        const int Messages = 500, Credit = 7;
        var queue = await broker.DeclareQueueAsync();
        using var publishing = broker.Messaging.PublishStream(With());
        await publishing.RequestStream.WriteAsync(
            new PublishStreamRequest { Messages = { Enumerable.Range(0, Messages).Select(number => MessageOf(queue, $"{number}")) } });
        await publishing.RequestStream.CompleteAsync();
        using var consumer = await ConsumerStream.OpenAsync(broker, new Subscribe { Queue = queue, Credit = Credit });
        var (received, settled) = (0, 0);
        while (received < Messages)
        {
            var deliveries = (await consumer.ReadAsync()).Deliveries;
            received += deliveries.Count;
            Assert.InRange(received - settled, 1, Credit);

            // What is acknowledged counts from now on, whenever the broker gets to see it.
            settled += deliveries.Count;
            await consumer.AckAsync([.. deliveries.Select(delivery => delivery.DeliveryTag)]);
        }

        await consumer.FinishAsync();
        Assert.Equal(0ul, await broker.CountReadyAsync(queue));
    }

    [Fact]
    public async Task Credit_Raised_LetsMoreCome()
    {
        var queue = await broker.DeclareQueueAsync();
        await broker.PublishAsync(queue, "a", "b", "c", "d");
        using var consumer = await ConsumerStream.OpenAsync(broker, new Subscribe { Queue = queue, Credit = 1 });
        Assert.Equal(["a"], await consumer.NextBodiesAsync(1));
        Assert.Equal(3ul, await broker.CountReadyAsync(queue));
        await consumer.SendAsync(new ConsumeRequest { Credit = 3 });
        Assert.Equal(["b", "c"], await consumer.NextBodiesAsync(2));
        Assert.Equal(1ul, await broker.CountReadyAsync(queue));
        await consumer.SendAsync(new ConsumeRequest { Credit = 0 });
        Assert.Equal(["d"], await consumer.NextBodiesAsync(1));
    }

    [Fact]
    public async Task Settlements_RequeueRejectAndMultiple_DoWhatTheySay()
    {
        var queue = await broker.DeclareQueueAsync();
        await broker.PublishAsync(queue, "a", "b", "c", "d", "e");
        using var consumer = await ConsumerStream.OpenAsync(broker, new Subscribe { Queue = queue });
        await consumer.NextBodiesAsync(5);
        await consumer.SettleAsync(2, Outcome.Requeue);
        var again = await consumer.NextAsync();
        Assert.Equal(("b", true, 6ul), (again.Body.ToStringUtf8(), again.Redelivered, again.DeliveryTag));

        await consumer.SettleAsync(1, Outcome.Reject);
        await consumer.SettleAsync(4, Outcome.Ack, multiple: true);
        var left = await consumer.FinishAsync();
        Assert.DoesNotContain(left, response => response.Deliveries.Count > 0);
        Assert.Equal([("b", true), ("e", true)], (await broker.GetAsync(queue)).Select(delivery => (delivery.Body.ToStringUtf8(), delivery.Redelivered)));
    }

    [Fact]
    public async Task Reject_AllAtOnce_FreesTheCredit()
    {
        var queue = await broker.DeclareQueueAsync();
        await broker.PublishAsync(queue, "a", "b");
        using var consumer = await ConsumerStream.OpenAsync(broker, new Subscribe { Queue = queue, Credit = 1 });
        await consumer.NextAsync();
        await consumer.SettleAsync(0, Outcome.Reject, multiple: true);
        Assert.Equal(["b"], await consumer.NextBodiesAsync(1));
    }

    [Fact]
    public async Task Delivery_NotSettledInTime_EndsTheStreamAndGoesBack()
    {
        var queue = await broker.DeclareQueueAsync(("x-consumer-timeout", new FieldValue { Int64 = 500 }));
        await broker.PublishAsync(queue, "a");
        using (var consumer = await ConsumerStream.OpenAsync(broker, new Subscribe { Queue = queue }))
        {
            await consumer.NextBodiesAsync(1);
            var error = await ExpectAsync(StatusCode.FailedPrecondition, 406, consumer.ReadToEndAsync);
            Assert.StartsWith("PRECONDITION_FAILED - delivery acknowledgement timed out. Timeout value used: 500 ms.", error.Status.Detail, StringComparison.Ordinal);
        }

        await broker.WaitForReadyAsync(queue, 1);
    }

    [Fact]
    public async Task StreamEnd_HalfClosedOrBroken_RequeuesWhatIsUnsettled()
    {
        var queue = await broker.DeclareQueueAsync();
        await broker.PublishAsync(queue, "a", "b", "c");
        using (var consumer = await ConsumerStream.OpenAsync(broker, new Subscribe { Queue = queue, Credit = 2 }))
        {
            await consumer.NextBodiesAsync(2);
            await consumer.FinishAsync();
        }

        Assert.Equal(3ul, await broker.CountReadyAsync(queue));
        using (var consumer = await ConsumerStream.OpenAsync(broker, new Subscribe { Queue = queue, Credit = 2 }))
        {
            await consumer.NextBodiesAsync(2);
        }

        await broker.WaitForReadyAsync(queue, 3);
        Assert.Equal(
            [("a", true), ("b", true), ("c", false)], (await broker.GetAsync(queue)).Select(delivery => (delivery.Body.ToStringUtf8(), delivery.Redelivered)));
    }

    [Fact]
    public async Task Cancel_StopsDeliveriesAndStillTakesSettlements()
    {
        var queue = await broker.DeclareQueueAsync();
        await broker.PublishAsync(queue, "a", "b");
        using var consumer = await ConsumerStream.OpenAsync(broker, new Subscribe { Queue = queue, Credit = 1 });
        await consumer.NextAsync();
        await consumer.SendAsync(new ConsumeRequest { Cancel = true });
        Assert.Equal(CancelReason.Client, (await consumer.ReadAsync()).Cancelled.Reason);
        await consumer.AckAsync(1);
        Assert.Empty(await consumer.FinishAsync());
        Assert.Equal("b", Assert.Single(await broker.GetAsync(queue)).Body.ToStringUtf8());
    }

    [Fact]
    public async Task QueueDeleted_IsToldAndTheStreamStaysOpen()
    {
        var queue = await broker.DeclareQueueAsync();
        await broker.PublishAsync(queue, "a");
        using var consumer = await ConsumerStream.OpenAsync(broker, new Subscribe { Queue = queue });
        await consumer.NextAsync();
        await broker.Topology.DeleteQueueAsync(new DeleteQueueRequest { Queue = queue }, With());
        Assert.Equal(CancelReason.QueueDeleted, (await consumer.ReadAsync()).Cancelled.Reason);
        await consumer.AckAsync(1);
        Assert.Empty(await consumer.FinishAsync());
    }

    [Fact]
    public async Task NoAck_MessagesAreSettledAsTheyAreSent()
    {
        var queue = await broker.DeclareQueueAsync();
        await broker.PublishAsync(queue, "a", "b");
        using var consumer = await ConsumerStream.OpenAsync(broker, new Subscribe { Queue = queue, NoAck = true, Credit = 1 });
        Assert.Equal(["a", "b"], await consumer.NextBodiesAsync(2));
        await consumer.AckAsync(1);
        var error = await ExpectAsync(StatusCode.FailedPrecondition, 406, consumer.ReadToEndAsync);
        Assert.Equal("PRECONDITION_FAILED - unknown delivery tag 1", error.Status.Detail);
        Assert.Equal(0ul, await broker.CountReadyAsync(queue));
    }

    [Fact]
    public async Task AutoDeleteQueue_GoesWithItsLastConsumer()
    {
        var queue = (await broker.Topology.DeclareQueueAsync(new DeclareQueueRequest { AutoDelete = true }, With())).Queue;
        using (var consumer = await ConsumerStream.OpenAsync(broker, new Subscribe { Queue = queue, Credit = 1 }))
        {
            await consumer.SendAsync(new ConsumeRequest { Credit = 5 });
            await consumer.FinishAsync();
        }

        await ExpectAsync(StatusCode.NotFound, 404, () => broker.CountReadyAsync(queue));
    }

    [Fact]
    public async Task Consume_Refusals_HaveTheirStatus()
    {
        var queue = await broker.DeclareQueueAsync();
        using var consumer = await ConsumerStream.OpenAsync(broker, new Subscribe { Queue = queue, Exclusive = true });
        await ExpectAsync(StatusCode.PermissionDenied, 403, () => ConsumerStream.OpenAsync(broker, new Subscribe { Queue = queue }));
        await ExpectAsync(StatusCode.NotFound, 404, () => ConsumerStream.OpenAsync(broker, new Subscribe { Queue = $"none-{Guid.NewGuid():N}" }));
        await ExpectAsync(StatusCode.InvalidArgument, 502, () => StartWithAsync(new ConsumeRequest { Credit = 1 }));
        await ExpectAsync(StatusCode.InvalidArgument, 502, () => StartWithAsync(null));

        var free = await broker.DeclareQueueAsync();
        (StatusCode, int, ConsumeRequest)[] later =
        [
            (StatusCode.InvalidArgument, 502, new ConsumeRequest { Subscribe = new Subscribe { Queue = free } }),
            (StatusCode.InvalidArgument, 502, new ConsumeRequest { Settlements = { new Settlement { DeliveryTag = 1 } } }),
            (StatusCode.FailedPrecondition, 406, new ConsumeRequest { Acks = { 9 } }),
        ];
        foreach (var (status, code, request) in later)
        {
            using var other = await ConsumerStream.OpenAsync(broker, new Subscribe { Queue = free });
            await other.SendAsync(request);
            await ExpectAsync(status, code, other.ReadToEndAsync);
        }

        async Task StartWithAsync(ConsumeRequest? request)
        {
            using var call = broker.Messaging.Consume(With());
            if (request is not null)
            {
                await call.RequestStream.WriteAsync(request);
            }

            await call.RequestStream.CompleteAsync();
            await call.ResponseStream.MoveNext(CancellationToken.None);
        }
    }

    [Fact]
    public async Task LargeMessages_BeyondTheWindow_AllArrive()
    {
        const int Count = 40;
        var queue = await broker.DeclareQueueAsync();
        var body = ByteString.CopyFrom(new byte[300_000]);
        using var consumer = await ConsumerStream.OpenAsync(broker, new Subscribe { Queue = queue });
        for (var i = 0; i < Count; i++)
        {
            await broker.Messaging.PublishAsync(new PublishRequest { Message = new Message { RoutingKey = queue, Body = body } }, With());
        }

        for (var i = 0; i < Count; i++)
        {
            Assert.Equal(300_000, (await consumer.NextAsync()).Body.Length);
        }
    }

    [Fact]
    public async Task Get_TakesAndSettlesUpToItsLimits()
    {
        var queue = await broker.DeclareQueueAsync();
        Assert.Empty(await broker.GetAsync(queue));
        await broker.PublishAsync(queue, [.. Enumerable.Range(0, 100).Select(number => $"{number}")]);
        var one = await broker.Messaging.GetAsync(new GetRequest { Queue = queue, AutoAck = true }, With());
        Assert.Equal(("0", 0ul, 99ul), (Assert.Single(one.Deliveries).Body.ToStringUtf8(), one.Deliveries[0].DeliveryTag, one.MessageCount));
        var more = await broker.Messaging.GetAsync(new GetRequest { Queue = queue, AutoAck = true, Limit = 90 }, With());
        Assert.Equal(Enumerable.Range(1, 90).Select(number => $"{number}"), more.Deliveries.Select(delivery => delivery.Body.ToStringUtf8()));
        Assert.Equal(9ul, more.MessageCount);
        Assert.Equal(9, (await broker.GetAsync(queue, 1000)).Length);
        Assert.Equal(0ul, await broker.CountReadyAsync(queue));
    }

    [Fact]
    public async Task Get_LargeMessages_StaysBelowOneMebibyteAndLeavesTheRest()
    {
        var queue = await broker.DeclareQueueAsync();
        var body = ByteString.CopyFrom(new byte[400_000]);
        for (var i = 0; i < 5; i++)
        {
            await broker.Messaging.PublishAsync(new PublishRequest { Message = new Message { RoutingKey = queue, Body = body } }, With());
        }

        var some = await broker.Messaging.GetAsync(new GetRequest { Queue = queue, AutoAck = true, Limit = 10 }, With());
        Assert.Equal((2, 3ul), (some.Deliveries.Count, some.MessageCount));
        var rest = await broker.GetAsync(queue);
        Assert.Equal([false, false], rest.Select(delivery => delivery.Redelivered));
        Assert.Equal(1ul, await broker.CountReadyAsync(queue));
    }

    [Fact]
    public async Task Get_Refusals_HaveTheirStatus()
    {
        var queue = await broker.DeclareQueueAsync();
        await ExpectAsync(StatusCode.InvalidArgument, 502, () => GetAsync(new GetRequest { Queue = queue }));
        await ExpectAsync(StatusCode.InvalidArgument, 502, () => GetAsync(new GetRequest { Queue = queue, AutoAck = true, Limit = 1001 }));
        await ExpectAsync(StatusCode.NotFound, 404, () => GetAsync(new GetRequest { Queue = $"none-{Guid.NewGuid():N}", AutoAck = true }));

        Task<GetResponse> GetAsync(GetRequest request) => broker.Messaging.GetAsync(request, With()).ResponseAsync;
    }
}
