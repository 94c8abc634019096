using Google.Protobuf;
using Granary.Testing.Brokers;
using Granary.V1;
using Grpc.Core;
using static Granary.Gateway.Tests.Grpc.GrpcBroker;

namespace Granary.Gateway.Tests.Grpc;

[WatchedBroker]
public sealed class PublishTests(GrpcBroker broker) : IClassFixture<GrpcBroker>
{
    private const int LargestBody = 16 * 1024 * 1024;

    [Fact]
    public async Task Publish_ToNoQueue_IsUnroutedOrNotFound()
    {
        var message = MessageOf($"none-{Guid.NewGuid():N}", "x");
        Assert.False((await broker.Messaging.PublishAsync(new PublishRequest { Message = message }, With())).Routed);
        message.Mandatory = true;
        await ExpectAsync(StatusCode.NotFound, 312, () => PublishAsync(message));
        message.Exchange = "none";
        await ExpectAsync(StatusCode.NotFound, 404, () => PublishAsync(message));
    }

    [Fact]
    public async Task Publish_AfterTheQueueIsDeclared_IsRouted()
    {
        var name = $"late-{Guid.NewGuid():N}";
        Assert.False((await broker.Messaging.PublishAsync(new PublishRequest { Message = MessageOf(name, "x") }, With())).Routed);
        await broker.Topology.DeclareQueueAsync(new DeclareQueueRequest { Queue = name }, With());
        await broker.PublishAsync(name, "y");
        Assert.Equal("y", Assert.Single(await broker.GetAsync(name)).Body.ToStringUtf8());
    }

    [Fact]
    public async Task Publish_Unacceptable_HasItsStatus()
    {
        var nested = new FieldTable();
        for (var i = 0; i < 30; i++)
        {
            nested = new FieldTable { Entries = { new FieldEntry { Name = "t", Value = new FieldValue { Table = nested } } } };
        }

        (StatusCode, int, Action<Message>)[] cases =
        [
            (StatusCode.FailedPrecondition, 406, message => message.Properties.Expiration = "soon"),
            (StatusCode.FailedPrecondition, 406, message => message.Properties.UserId = "somebody"),
            (StatusCode.FailedPrecondition, 406, message => message.Properties.ReplyTo = "amq.rabbitmq.reply-to"),
            (StatusCode.FailedPrecondition, 406, message => message.Body = ByteString.CopyFrom(new byte[LargestBody + 1])),
            (StatusCode.InvalidArgument, 502, message => message.Properties.DeliveryMode = 256),
            (StatusCode.InvalidArgument, 502, message => message.Properties.MessageId = new string('m', 256)),
            (StatusCode.InvalidArgument, 502, message => message.RoutingKey = new string('k', 256)),
            (StatusCode.InvalidArgument, 502, message => message.Properties.Headers = nested),
            (StatusCode.PermissionDenied, 403, message => message.Exchange = "amq.rabbitmq.trace"),
        ];
        foreach (var (status, code, spoil) in cases)
        {
            var message = MessageOf("q", "x");
            message.Properties = new BasicProperties();
            spoil(message);
            await ExpectAsync(status, code, () => PublishAsync(message));
        }

        await ExpectAsync(StatusCode.InvalidArgument, 502, () => broker.Messaging.PublishAsync(new PublishRequest(), With()).ResponseAsync);
        await ExpectAsync(StatusCode.ResourceExhausted, null, () => PublishAsync(new Message { Body = ByteString.CopyFrom(new byte[LargestBody + (9 << 20)]) }));
    }

    [Fact]
    public async Task Publish_LargestBody_ArrivesWhole()
    {
        var queue = await broker.DeclareQueueAsync();
        var body = new byte[LargestBody];
        new Random(1).NextBytes(body);
        await broker.Messaging.PublishAsync(new PublishRequest { Message = new Message { RoutingKey = queue, Body = ByteString.CopyFrom(body) } }, With());
        Assert.True(Assert.Single(await broker.GetAsync(queue)).Body.Span.SequenceEqual(body));
    }

    [Fact]
    public async Task Publish_WithCopies_GoesToAllAndHidesBcc()
    {
        var queues = new[] { await broker.DeclareQueueAsync(), await broker.DeclareQueueAsync(), await broker.DeclareQueueAsync() };
        var message = MessageOf(queues[0], "x");
        message.Properties = new BasicProperties { Headers = new FieldTable { Entries = { Copy("CC", queues[1]), Copy("BCC", queues[2]) } } };
        await broker.Messaging.PublishAsync(new PublishRequest { Message = message }, With());
        foreach (var queue in queues)
        {
            Assert.Equal(["CC"], Assert.Single(await broker.GetAsync(queue)).Properties.Headers.Entries.Select(entry => entry.Name));
        }

        static FieldEntry Copy(string name, string key) => new()
        {
            Name = name,
            Value = new FieldValue { Array = new FieldArray { Values = { new FieldValue { LongString = ByteString.CopyFromUtf8(key) } } } },
        };
    }

    [Fact]
    public async Task PublishStream_ManyMessages_AreConfirmedInOrderAndArrive()
    {
        const int Requests = 50, PerRequest = 100;
        var queues = new[] { await broker.DeclareQueueAsync(), await broker.DeclareQueueAsync() };
        using var call = broker.Messaging.PublishStream(With());
        var reading = ReadAllAsync(call);
        for (var i = 0; i < Requests; i++)
        {
            var request = new PublishStreamRequest();
            for (var j = 0; j < PerRequest; j++)
            {
                request.Messages.Add(MessageOf(queues[j / 50], $"{(i * PerRequest) + j}"));
            }

            await call.RequestStream.WriteAsync(request);
        }

        await call.RequestStream.CompleteAsync();
        var responses = await reading.WaitAsync(Patience);

        Assert.Equal((ulong)(Requests * PerRequest), responses[^1].AnsweredThrough);
        Assert.Equal(responses.Select(response => response.AnsweredThrough).Order(), responses.Select(response => response.AnsweredThrough));
        Assert.All(responses, response => Assert.Empty(response.Nacked));
        AssertAckedOnce(responses);
        var bodies = (await broker.GetAsync(queues[0], 1000)).Select(delivery => int.Parse(delivery.Body.ToStringUtf8(), null)).ToArray();
        Assert.Equal(Enumerable.Range(0, Requests * PerRequest).Where(number => number % PerRequest < 50).Take(1000), bodies);
    }

    [Fact]
    public async Task PublishStream_MandatoryWithoutQueue_IsReturnedAndConfirmed()
    {
        var queue = await broker.DeclareQueueAsync();
        using var call = broker.Messaging.PublishStream(With());
        var lost = MessageOf($"none-{Guid.NewGuid():N}", "x");
        lost.Mandatory = true;
        var lostByExchange = MessageOf("no key", "x", "amq.direct");
        lostByExchange.Mandatory = true;
        await call.RequestStream.WriteAsync(new PublishStreamRequest { Messages = { MessageOf(queue, "1"), lost, lostByExchange, MessageOf(queue, "4") } });
        await call.RequestStream.CompleteAsync();
        var responses = await ReadAllAsync(call).WaitAsync(Patience);

        Assert.Equal(4ul, responses[^1].AnsweredThrough);
        var returned = responses.SelectMany(response => response.Returned).OrderBy(each => each.Number).ToArray();
        Assert.Equal([(2ul, 312u, "NO_ROUTE"), (3, 312, "NO_ROUTE")], returned.Select(each => (each.Number, each.ReplyCode, each.ReplyText)));
        Assert.Equal(2ul, await broker.CountReadyAsync(queue));
    }

    [Fact]
    public async Task PublishStream_BadMessage_EndsTheStreamAfterThoseBefore()
    {
        var queue = await broker.DeclareQueueAsync();
        using var call = broker.Messaging.PublishStream(With());
        await call.RequestStream.WriteAsync(new PublishStreamRequest { Messages = { MessageOf(queue, "1"), MessageOf("", "2", "no such exchange") } });
        await ExpectAsync(StatusCode.NotFound, 404, () => ReadAllAsync(call));
        Assert.Equal(1ul, await broker.CountReadyAsync(queue));
    }

    private static async Task<List<PublishStreamResponse>> ReadAllAsync(AsyncDuplexStreamingCall<PublishStreamRequest, PublishStreamResponse> call)
    {
        var responses = new List<PublishStreamResponse>();
        while (await call.ResponseStream.MoveNext(CancellationToken.None))
        {
            responses.Add(call.ResponseStream.Current);
        }

        return responses;
    }

    private static void AssertAckedOnce(List<PublishStreamResponse> responses)
    {
        var seen = new HashSet<ulong>();
        foreach (var response in responses)
        {
            foreach (var range in response.Acked)
            {
                Assert.True(range.First > response.AnsweredThrough);
                for (var number = range.First; number <= range.Last; number++)
                {
                    Assert.True(seen.Add(number), $"{number} was acked twice");
                }
            }
        }
    }

    private Task<PublishResponse> PublishAsync(Message message) =>
        broker.Messaging.PublishAsync(new PublishRequest { Message = message }, With()).ResponseAsync;
}
