using Granary.Testing.Brokers;
using Granary.V1;
using Grpc.Core;
using static Granary.Gateway.Tests.Grpc.GrpcBroker;

namespace Granary.Gateway.Tests.Grpc;

/// <summary>Deliveries of streams that may be kept for a while only: they go back, the client is told, and its stream goes on.</summary>
[WatchedBroker]
public sealed class MessageLeaseTests(GrpcBroker broker) : IClassFixture<GrpcBroker>
{
    /// <summary>For what is to run out, and for what must not before it is spoken of.</summary>
    private const ulong Lease = 300, LongLease = 60_000;

    [Fact]
    public async Task Delivery_WhoseLeaseIsOver_IsToldAndComesAgain()
    {
        var queue = await broker.DeclareQueueAsync(("x-message-lease", new FieldValue { Int64 = (long)Lease }));
        await broker.PublishAsync(queue, "a");
        using var consumer = await ConsumerStream.OpenAsync(broker, new Subscribe { Queue = queue, Credit = 1 });
        await consumer.NextBodiesAsync(1);

        Assert.Equal([new NumberRange { First = 1, Last = 1 }], await NextExpiredAsync(consumer));
        var again = await consumer.NextAsync();
        Assert.Equal(("a", true, 2ul), (again.Body.ToStringUtf8(), again.Redelivered, again.DeliveryTag));

        // Too late: the message stays.
        await consumer.AckAsync(1);
        await consumer.FinishAsync();
        await broker.WaitForReadyAsync(queue, 1);
    }

    [Fact]
    public async Task Acknowledgement_OfTwoDeliveries_IsTooLateForTheOneWhoseLeaseIsOverAndInTimeForTheOther()
    {
        var queue = await broker.DeclareQueueAsync(("x-message-lease", new FieldValue { Int64 = (long)Lease }));
        await broker.PublishAsync(queue, "a");
        using var consumer = await ConsumerStream.OpenAsync(broker, new Subscribe { Queue = queue, Credit = 1, LeaseMs = LongLease });
        await consumer.NextBodiesAsync(1);
        await consumer.SendAsync(new ConsumeRequest { Extensions = { new Extension { DeliveryTags = { 1 }, LeaseMs = Lease } } });
        Assert.Equal([new NumberRange { First = 1, Last = 1 }], await NextExpiredAsync(consumer));
        var again = await consumer.NextAsync();
        Assert.Equal(("a", true, 2ul), (again.Body.ToStringUtf8(), again.Redelivered, again.DeliveryTag));

        await consumer.AckAsync(1, 2);
        await consumer.FinishAsync();
        Assert.Equal(0ul, await broker.CountReadyAsync(queue));
    }

    [Fact]
    public async Task Delivery_OfAConsumerWithALeaseOfItsOwn_GoesToAnother()
    {
        var queue = await broker.DeclareQueueAsync();
        await broker.PublishAsync(queue, "a");
        using var consumer = await ConsumerStream.OpenAsync(broker, new Subscribe { Queue = queue, Credit = 1, LeaseMs = Lease });
        await consumer.NextBodiesAsync(1);
        await consumer.SendAsync(new ConsumeRequest { Cancel = true });
        using var other = await ConsumerStream.OpenAsync(broker, new Subscribe { Queue = queue, Credit = 1 });

        Assert.True((await other.NextAsync()).Redelivered);

        await consumer.SettleAsync(1, Outcome.Reject);
        await consumer.FinishAsync();
        await other.AckAsync(1);
        await other.FinishAsync();
        Assert.Equal(0ul, await broker.CountReadyAsync(queue));
    }

    [Fact]
    public async Task Extension_KeepsADeliveryBeyondItsLease()
    {
        var queue = await broker.DeclareQueueAsync();
        await broker.PublishAsync(queue, "a", "b");
        using var consumer = await ConsumerStream.OpenAsync(broker, new Subscribe { Queue = queue, Credit = 2, LeaseMs = LongLease });
        await consumer.NextBodiesAsync(2);

        // In one request, so that it is in time: both would be over soon, but for what is said last.
        await consumer.SendAsync(new ConsumeRequest
        {
            Extensions = { new Extension { DeliveryTags = { 1, 2 }, LeaseMs = Lease }, new Extension { DeliveryTags = { 1 }, LeaseMs = LongLease } },
        });

        Assert.Equal([new NumberRange { First = 2, Last = 2 }], await NextExpiredAsync(consumer));
        Assert.Equal("b", (await consumer.NextAsync()).Body.ToStringUtf8());
        await consumer.SendAsync(new ConsumeRequest { Extensions = { new Extension { DeliveryTags = { 3 }, LeaseMs = Lease } } });
        Assert.Equal([new NumberRange { First = 3, Last = 3 }], await NextExpiredAsync(consumer));
        await consumer.AckAsync(1);
        await consumer.FinishAsync();
        Assert.Equal(["b"], (await broker.GetAsync(queue)).Select(delivery => delivery.Body.ToStringUtf8()));
    }

    [Fact]
    public async Task Extension_OfWhatIsNotOpen_EndsTheStreamUnlessItsLeaseIsOver()
    {
        var queue = await broker.DeclareQueueAsync();
        await broker.PublishAsync(queue, "a");
        using var consumer = await ConsumerStream.OpenAsync(broker, new Subscribe { Queue = queue, Credit = 1, LeaseMs = Lease });
        await consumer.NextBodiesAsync(1);
        await NextExpiredAsync(consumer);
        await consumer.SendAsync(new ConsumeRequest { Extensions = { new Extension { DeliveryTags = { 1 } } } });
        Assert.True((await consumer.NextAsync()).Redelivered);
        await consumer.SendAsync(new ConsumeRequest { Extensions = { new Extension { DeliveryTags = { 99 } } } });

        var error = await ExpectAsync(StatusCode.FailedPrecondition, 406, consumer.ReadToEndAsync);

        Assert.Contains("unknown delivery tag 99", error.Status.Detail, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Times_OutOfRange_AreInvalid()
    {
        const ulong TooLong = 315_360_000_001;
        var queue = await broker.DeclareQueueAsync();
        await ExpectAsync(StatusCode.InvalidArgument, 502, () => ConsumerStream.OpenAsync(broker, new Subscribe { Queue = queue, LeaseMs = TooLong }));
        var twice = new Subscribe { Queue = queue, LeaseMs = 1, Arguments = new FieldTable { Entries = { new FieldEntry { Name = "x-message-lease", Value = new FieldValue { Int64 = 1 } } } } };
        await ExpectAsync(StatusCode.InvalidArgument, 502, () => ConsumerStream.OpenAsync(broker, twice));
        using var consumer = await ConsumerStream.OpenAsync(broker, new Subscribe { Queue = queue });
        await consumer.SendAsync(new ConsumeRequest { Extensions = { new Extension { LeaseMs = TooLong } } });
        await ExpectAsync(StatusCode.InvalidArgument, 502, consumer.ReadToEndAsync);
    }

    [Fact]
    public async Task Transaction_ThatSettlesWhatIsTooLate_DoesNothingAndTheStreamGoesOn()
    {
        var (from, to) = (await broker.DeclareQueueAsync(), await broker.DeclareQueueAsync());
        await broker.PublishAsync(from, "a");
        using var consumer = await ConsumerStream.OpenAsync(broker, new Subscribe { Queue = from, Credit = 1, LeaseMs = Lease });
        await consumer.NextBodiesAsync(1);
        await NextExpiredAsync(consumer);
        await consumer.SendAsync(new ConsumeRequest { Transaction = new Transaction { Id = 3, Acks = { 1 }, Messages = { MessageOf(to, "c") } } });

        while (true)
        {
            if ((await consumer.ReadAsync()).Transaction is { } result)
            {
                Assert.Equal((3ul, (uint)StatusCode.FailedPrecondition), (result.Id, result.Code));
                break;
            }
        }

        await consumer.FinishAsync();
        Assert.Equal((1ul, 0ul), (await broker.CountReadyAsync(from), await broker.CountReadyAsync(to)));
    }

    [Fact]
    public async Task Reply_ToARequestWhoseLeaseIsOver_IsDropped()
    {
        var (queue, replies) = (await broker.DeclareQueueAsync(), await broker.DeclareQueueAsync());
        var request = MessageOf(queue, "a");
        request.Properties = new BasicProperties { ReplyTo = replies };
        await broker.Messaging.PublishAsync(new PublishRequest { Message = request }, With());
        using var call = broker.Rpc.Serve(With());
        await call.RequestStream.WriteAsync(new ServeRequest { Subscribe = new Subscribe { Queue = queue, Credit = 1, LeaseMs = Lease } });
        var expired = new List<NumberRange>();
        while (expired.Count == 0)
        {
            Assert.True(await call.ResponseStream.MoveNext(CancellationToken.None).WaitAsync(Patience));
            expired.AddRange(call.ResponseStream.Current.Expired);
        }

        await call.RequestStream.WriteAsync(new ServeRequest { Replies = { new Reply { DeliveryTag = 1 } } });
        await call.RequestStream.CompleteAsync();
        while (await call.ResponseStream.MoveNext(CancellationToken.None).WaitAsync(Patience))
        {
        }

        Assert.Equal((1ul, 0ul), (await broker.CountReadyAsync(queue), await broker.CountReadyAsync(replies)));
    }

    private static async Task<IEnumerable<NumberRange>> NextExpiredAsync(ConsumerStream consumer)
    {
        while (true)
        {
            if ((await consumer.ReadAsync()).Expired is { Count: > 0 } expired)
            {
                return expired;
            }
        }
    }
}
