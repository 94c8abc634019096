using Granary.Testing.Brokers;
using Granary.Testing.Unkind;
using Granary.Testing.Wire;
using Granary.V1;
using Grpc.Core;
using static Granary.Gateway.Tests.Grpc.GrpcBroker;

namespace Granary.Gateway.Tests.Grpc;

[WatchedBroker]
public sealed class TopologyTests(GrpcBroker broker) : IClassFixture<GrpcBroker>
{
    private static readonly string TooLong = new('é', 128);

    // Calls of a seeded run may lose their answers: asked again, a queue that is purged or deleted by then has nothing left.
    private static void AssertTook(ulong expected, ulong count) => Assert.True(count == expected || (count == 0 && TestSeed.OfThisRun is not null), $"took {count} of {expected}");

    private static string New(string prefix) => $"{prefix}-{Guid.NewGuid():N}";

    [Fact]
    public async Task DeclareQueue_WithoutName_GetsOneAndIsFound()
    {
        var queue = await broker.DeclareQueueAsync();
        Assert.StartsWith("amq.gen-", queue, StringComparison.Ordinal);
        await broker.PublishAsync(queue, "a", "b");

        var found = await broker.Topology.DeclareQueueAsync(new DeclareQueueRequest { Queue = queue, Passive = true }, With());
        Assert.Equal((2ul, 0u), (found.MessageCount, found.ConsumerCount));
        AssertTook(2, (await broker.Topology.PurgeQueueAsync(new PurgeQueueRequest { Queue = queue }, With())).MessageCount);
        Assert.Equal(0ul, await broker.CountReadyAsync(queue));
        await broker.PublishAsync(queue, "c");

        AssertTook(1, (await broker.Topology.DeleteQueueAsync(new DeleteQueueRequest { Queue = queue }, With())).MessageCount);
        Assert.Equal(0ul, (await broker.Topology.DeleteQueueAsync(new DeleteQueueRequest { Queue = queue }, With())).MessageCount);
    }

    [Fact]
    public async Task DeclareQueue_WithArguments_IsEquivalentToAmqps()
    {
        var queue = New("q");
        var request = new DeclareQueueRequest
        {
            Queue = queue,
            Durable = true,
            Arguments = new FieldTable { Entries = { new FieldEntry { Name = "x-max-length", Value = new FieldValue { Int32 = 7 } } } },
        };
        await broker.Topology.DeclareQueueAsync(request, With());
        await using var amqp = await WireConnection.OpenAsync(broker.Broker.AmqpPort);
        await amqp.CallAsync(1, WireMethods.QueueDeclare(queue, durable: true, arguments: new Dictionary<string, object?> { ["x-max-length"] = 7 }), 50, 11);

        request.Durable = false;
        var error = await ExpectAsync(StatusCode.FailedPrecondition, 406, () => broker.Topology.DeclareQueueAsync(request, With()).ResponseAsync);
        Assert.Equal(
            $"PRECONDITION_FAILED - inequivalent arg 'durable' for queue '{queue}' in vhost '/': received 'false' but current is 'true'", error.Status.Detail);
    }

    [Fact]
    public async Task Queue_ExclusiveToAnAmqpConnection_IsLocked()
    {
        var queue = New("q");
        await using var amqp = await WireConnection.OpenAsync(broker.Broker.AmqpPort);
        await amqp.CallAsync(1, WireMethods.QueueDeclare(queue, exclusive: true), 50, 11);

        await ExpectAsync(
            StatusCode.FailedPrecondition, 405,
            () => broker.Topology.DeclareQueueAsync(new DeclareQueueRequest { Queue = queue, Passive = true }, With()).ResponseAsync);
        await ExpectAsync(
            StatusCode.FailedPrecondition, 405, () => broker.Messaging.GetAsync(new GetRequest { Queue = queue, AutoAck = true }, With()).ResponseAsync);
        await ExpectAsync(StatusCode.FailedPrecondition, 405, () => ConsumerStream.OpenAsync(broker, new Subscribe { Queue = queue }));
    }

    [Fact]
    public async Task UnbindQueue_ExclusiveToAnAmqpConnection_IsRefusedOnlyForABindingThatIsThere()
    {
        var queue = New("q");
        await using var amqp = await WireConnection.OpenAsync(broker.Broker.AmqpPort);
        await amqp.CallAsync(1, WireMethods.QueueDeclare(queue, exclusive: true), 50, 11);
        await amqp.CallAsync(1, WireMethods.QueueBind(queue, "amq.topic", "a"), 50, 21);

        await UnbindAsync("b");
        await UnbindAsync("a", "amq.direct");
        await ExpectAsync(StatusCode.FailedPrecondition, 405, () => UnbindAsync("a"));

        Task UnbindAsync(string key, string exchange = "amq.topic") => broker.Topology.UnbindQueueAsync(
            new UnbindQueueRequest { Queue = queue, Exchange = exchange, RoutingKey = key }, With()).ResponseAsync;
    }

    [Fact]
    public async Task Queue_Refusals_HaveTheirStatus()
    {
        var missing = New("none");
        var queue = await broker.DeclareQueueAsync();
        await broker.PublishAsync(queue, "x");
        using var consumer = await ConsumerStream.OpenAsync(broker, new Subscribe { Queue = queue });
        (StatusCode, int, Func<Task>)[] refusals =
        [
            (StatusCode.NotFound, 404, () => DeclareAsync(new DeclareQueueRequest { Queue = missing, Passive = true })),
            (StatusCode.NotFound, 404, () => broker.Topology.PurgeQueueAsync(new PurgeQueueRequest { Queue = missing }, With()).ResponseAsync),
            (StatusCode.PermissionDenied, 403, () => DeclareAsync(new DeclareQueueRequest { Queue = "amq.mine" })),
            (StatusCode.InvalidArgument, 502, () => DeclareAsync(new DeclareQueueRequest { Queue = TooLong })),
            (StatusCode.InvalidArgument, 502, () => broker.Topology.DeleteQueueAsync(new DeleteQueueRequest(), With()).ResponseAsync),
            (StatusCode.FailedPrecondition, 406, () => DeclareAsync(new DeclareQueueRequest { Arguments = ArgumentOf("x-expires", new FieldValue { Int32 = -1 }) })),
            (StatusCode.InvalidArgument, 502, () => DeclareAsync(new DeclareQueueRequest { Arguments = ArgumentOf("x", new FieldValue()) })),
            (StatusCode.InvalidArgument, 502, () => DeclareAsync(new DeclareQueueRequest { Arguments = ArgumentOf("x", new FieldValue { Int8 = 128 }) })),
            (StatusCode.FailedPrecondition, 406, () => broker.Topology.DeleteQueueAsync(new DeleteQueueRequest { Queue = queue, IfUnused = true }, With()).ResponseAsync),
        ];
        foreach (var (status, code, call) in refusals)
        {
            await ExpectAsync(status, code, call);
        }

        Task<DeclareQueueResponse> DeclareAsync(DeclareQueueRequest request) => broker.Topology.DeclareQueueAsync(request, With()).ResponseAsync;
    }

    [Fact]
    public async Task DeleteQueue_IfEmptyWithMessages_IsRefused()
    {
        var queue = await broker.DeclareQueueAsync();
        await broker.PublishAsync(queue, "x");
        await ExpectAsync(
            StatusCode.FailedPrecondition, 406,
            () => broker.Topology.DeleteQueueAsync(new DeleteQueueRequest { Queue = queue, IfEmpty = true }, With()).ResponseAsync);
    }

    [Fact]
    public async Task Bindings_RouteUntilTheyAreRemoved()
    {
        var (first, second, queue) = (New("x"), New("x"), await broker.DeclareQueueAsync());
        await broker.Topology.DeclareExchangeAsync(new DeclareExchangeRequest { Exchange = first, Type = "topic" }, With());
        await broker.Topology.DeclareExchangeAsync(new DeclareExchangeRequest { Exchange = second, Type = "fanout" }, With());
        await broker.Topology.BindExchangeAsync(new BindExchangeRequest { Destination = second, Source = first, RoutingKey = "a.*" }, With());
        await broker.Topology.BindQueueAsync(new BindQueueRequest { Queue = queue, Exchange = second }, With());
        Assert.True(await RoutesAsync("a.b"));
        Assert.False(await RoutesAsync("b.b"));

        await broker.Topology.UnbindExchangeAsync(new UnbindExchangeRequest { Destination = second, Source = first, RoutingKey = "a.*" }, With());
        Assert.False(await RoutesAsync("a.b"));
        await broker.Topology.UnbindQueueAsync(new UnbindQueueRequest { Queue = queue, Exchange = second }, With());
        await broker.Topology.UnbindQueueAsync(new UnbindQueueRequest { Queue = New("none"), Exchange = second }, With());
        await broker.Topology.DeleteExchangeAsync(new DeleteExchangeRequest { Exchange = first }, With());
        await broker.Topology.DeleteExchangeAsync(new DeleteExchangeRequest { Exchange = first }, With());

        async Task<bool> RoutesAsync(string key) =>
            (await broker.Messaging.PublishAsync(new PublishRequest { Message = MessageOf(key, "x", first) }, With())).Routed;
    }

    [Fact]
    public async Task HeadersBinding_MatchesHeadersOfGrpcMessages()
    {
        var queue = await broker.DeclareQueueAsync();
        var arguments = ArgumentOf("kind", new FieldValue { LongString = Google.Protobuf.ByteString.CopyFromUtf8("a") });
        await broker.Topology.BindQueueAsync(new BindQueueRequest { Queue = queue, Exchange = "amq.headers", Arguments = arguments }, With());
        var message = MessageOf("", "x", "amq.headers");
        Assert.False((await broker.Messaging.PublishAsync(new PublishRequest { Message = message }, With())).Routed);
        message.Properties = new BasicProperties { Headers = arguments };
        Assert.True((await broker.Messaging.PublishAsync(new PublishRequest { Message = message }, With())).Routed);
    }

    [Fact]
    public async Task Exchange_Refusals_HaveTheirStatus()
    {
        var missing = New("none");
        var queue = await broker.DeclareQueueAsync();
        var used = New("x");
        await broker.Topology.DeclareExchangeAsync(new DeclareExchangeRequest { Exchange = used, Type = "fanout" }, With());
        await broker.Topology.BindQueueAsync(new BindQueueRequest { Queue = queue, Exchange = used }, With());
        (StatusCode, int, Func<Task>)[] refusals =
        [
            (StatusCode.NotFound, 404, () => DeclareAsync(new DeclareExchangeRequest { Exchange = missing, Passive = true })),
            (StatusCode.PermissionDenied, 403, () => DeclareAsync(new DeclareExchangeRequest { Exchange = "amq.mine", Type = "direct" })),
            (StatusCode.PermissionDenied, 403, () => DeclareAsync(new DeclareExchangeRequest { Type = "direct" })),
            (StatusCode.FailedPrecondition, 406, () => DeclareAsync(new DeclareExchangeRequest { Exchange = "amq.direct", Type = "fanout", Durable = true })),
            (StatusCode.FailedPrecondition, 406, () => DeclareAsync(new DeclareExchangeRequest { Exchange = missing, Type = "round" })),
            (StatusCode.PermissionDenied, 403, () => DeleteAsync(new DeleteExchangeRequest { Exchange = "amq.direct" })),
            (StatusCode.FailedPrecondition, 406, () => DeleteAsync(new DeleteExchangeRequest { Exchange = used, IfUnused = true })),
            (StatusCode.NotFound, 404, () => broker.Topology.BindQueueAsync(new BindQueueRequest { Queue = queue, Exchange = missing }, With()).ResponseAsync),
            (StatusCode.NotFound, 404, () => broker.Topology.BindQueueAsync(new BindQueueRequest { Queue = missing, Exchange = used }, With()).ResponseAsync),
            (StatusCode.PermissionDenied, 403, () => broker.Topology.BindQueueAsync(new BindQueueRequest { Queue = queue }, With()).ResponseAsync),
            (StatusCode.NotFound, 404, () => broker.Topology.BindExchangeAsync(new BindExchangeRequest { Destination = missing, Source = used }, With()).ResponseAsync),
        ];
        foreach (var (status, code, call) in refusals)
        {
            await ExpectAsync(status, code, call);
        }

        Task<DeclareExchangeResponse> DeclareAsync(DeclareExchangeRequest request) => broker.Topology.DeclareExchangeAsync(request, With()).ResponseAsync;

        Task<DeleteExchangeResponse> DeleteAsync(DeleteExchangeRequest request) => broker.Topology.DeleteExchangeAsync(request, With()).ResponseAsync;
    }

    private static FieldTable ArgumentOf(string name, FieldValue value) => new() { Entries = { new FieldEntry { Name = name, Value = value } } };

    [Fact]
    public async Task MoveQueue_ToTheOnlyNodeThereIs_StaysAndSaysWhere()
    {
        var queue = await broker.DeclareQueueAsync();
        await broker.PublishAsync(queue, "a");

        var least = await broker.Topology.MoveQueueAsync(new MoveQueueRequest { Queue = queue }, With());
        var named = await broker.Topology.MoveQueueAsync(new MoveQueueRequest { Queue = queue, Node = least.Node }, With());
        Assert.Equal(least.Node, named.Node);
        Assert.Equal(1ul, await broker.CountReadyAsync(queue));

        Assert.Equal(0u, (await broker.Topology.RebalanceQueuesAsync(new RebalanceQueuesRequest(), With())).QueuesMoved);
    }

    [Fact]
    public async Task MoveQueue_ToANodeThatIsNotThere_IsInvalidAndNamesThoseThatAre()
    {
        var queue = await broker.DeclareQueueAsync();
        var there = (await broker.Topology.MoveQueueAsync(new MoveQueueRequest { Queue = queue }, With())).Node;

        var error = await ExpectAsync(
            StatusCode.InvalidArgument, 502, () => broker.Topology.MoveQueueAsync(new MoveQueueRequest { Queue = queue, Node = "10.1.2.3:1" }, With()).ResponseAsync);
        Assert.Equal($"SYNTAX_ERROR - there is no node '10.1.2.3:1'; nodes that have queues are {there}", error.Status.Detail);
    }

    [Fact]
    public async Task MoveQueue_ThatIsNotThere_IsNotFound()
    {
        var name = New("nowhere");
        var error = await ExpectAsync(StatusCode.NotFound, 404, () => broker.Topology.MoveQueueAsync(new MoveQueueRequest { Queue = name }, With()).ResponseAsync);
        Assert.Equal($"NOT_FOUND - no queue '{name}' in vhost '/'", error.Status.Detail);
    }
}
