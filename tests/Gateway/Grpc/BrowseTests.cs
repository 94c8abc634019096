using Google.Protobuf;
using Granary.Testing.Brokers;
using Granary.V1;
using Grpc.Core;
using static Granary.Gateway.Tests.Grpc.GrpcBroker;

namespace Granary.Gateway.Tests.Grpc;

/// <summary>Messages that are looked at and stay where they are, and messages that are moved.</summary>
[WatchedBroker]
public sealed class BrowseTests(GrpcBroker broker) : IClassFixture<GrpcBroker>
{
    [Fact]
    public async Task Browse_PageByPage_LeavesMessagesAsTheyAre()
    {
        var queue = await broker.DeclareQueueAsync();
        await broker.PublishAsync(queue, "a", "b", "c");
        var first = await broker.Messaging.BrowseAsync(new BrowseRequest { Queue = queue, Count = 2 }, With());
        Assert.Equal(["a", "b"], Bodies(first));
        Assert.Equal((2u, queue, ""), (first.Examined, first.Messages[0].Delivery.RoutingKey, first.Messages[0].Delivery.Exchange));
        var rest = await broker.Messaging.BrowseAsync(new BrowseRequest { Queue = queue, After = first.Next }, With());
        Assert.Equal(["c"], Bodies(rest));
        Assert.Equal("", rest.Next);

        var got = await broker.Messaging.GetAsync(new GetRequest { Queue = queue, AutoAck = true, Limit = 3 }, With());
        Assert.Equal([("a", false), ("b", false), ("c", false)], got.Deliveries.Select(static delivery => (delivery.Body.ToStringUtf8(), delivery.Redelivered)));
    }

    [Fact]
    public async Task Browse_WithASearch_ShowsWhatHasIt()
    {
        var queue = await broker.DeclareQueueAsync();
        await broker.PublishAsync(queue, "hay", "a needle", "hay");
        var found = await broker.Messaging.BrowseAsync(new BrowseRequest { Queue = queue, Search = ByteString.CopyFromUtf8("needle") }, With());
        Assert.Equal(["a needle"], Bodies(found));
        Assert.Equal((3u, ""), (found.Examined, found.Next));
    }

    [Fact]
    public async Task Browse_OfLargeMessages_AnswersWithWhatClientsTake()
    {
        var queue = await broker.DeclareQueueAsync();
        var large = new string('x', 900_000);
        await broker.PublishAsync(queue, large, large, large, large);
        List<int> pages = [];
        for (var after = ""; pages.Sum() < 4;)
        {
            var page = await broker.Messaging.BrowseAsync(new BrowseRequest { Queue = queue, After = after }, With());
            pages.Add(page.Messages.Count);
            after = page.Next;
        }

        Assert.Equal([3, 1], pages);
    }

    [Fact]
    public async Task BrowseAndMove_OfWhatCannotBeMeant_AreRefused()
    {
        var queue = await broker.DeclareQueueAsync();
        await ExpectAsync(StatusCode.NotFound, 404, () => BrowseAsync(new BrowseRequest { Queue = $"{queue}-not" }));
        await ExpectAsync(StatusCode.InvalidArgument, 502, () => BrowseAsync(new BrowseRequest()));
        await ExpectAsync(StatusCode.InvalidArgument, 502, () => BrowseAsync(new BrowseRequest { Queue = queue, Count = 1001 }));
        await ExpectAsync(StatusCode.FailedPrecondition, 406, () => BrowseAsync(new BrowseRequest { Queue = queue, After = "nowhere" }));
        await ExpectAsync(StatusCode.InvalidArgument, 502, () => broker.Messaging.MoveAsync(new MoveRequest { Queue = queue, ToQueue = queue }, With()).ResponseAsync);
        await ExpectAsync(StatusCode.NotFound, 404, () => broker.Messaging.MoveAsync(new MoveRequest { Queue = $"{queue}-not", ToQueue = queue }, With()).ResponseAsync);

        Task<BrowseResponse> BrowseAsync(BrowseRequest request) => broker.Messaging.BrowseAsync(request, With()).ResponseAsync;
    }

    [Fact]
    public async Task Move_ToAnotherQueue_StopsWhereOneIsRefused()
    {
        var (from, to) = (await broker.DeclareQueueAsync(), await broker.DeclareQueueAsync());
        await broker.PublishAsync(from, "a", "b", "c");
        var moved = await broker.Messaging.MoveAsync(new MoveRequest { Queue = from, ToQueue = to, Count = 2 }, With());
        Assert.Equal((2u, ""), (moved.Moved, moved.Refusal));
        Assert.Equal(["a", "b"], Bodies(await broker.Messaging.BrowseAsync(new BrowseRequest { Queue = to }, With())));

        var nowhere = await broker.Messaging.MoveAsync(new MoveRequest { Queue = from, ToQueue = $"{to}-not" }, With());
        Assert.Equal((0u, $"There is no queue '{to}-not'."), (nowhere.Moved, nowhere.Refusal));
        var unknown = await broker.Messaging.MoveAsync(new MoveRequest { Queue = from }, With());
        Assert.Equal((0u, "A message does not say in which queue it died."), (unknown.Moved, unknown.Refusal));
        Assert.Equal(["c"], Bodies(await broker.Messaging.BrowseAsync(new BrowseRequest { Queue = from }, With())));
    }

    private static string[] Bodies(BrowseResponse shown) => [.. shown.Messages.Select(static message => message.Delivery.Body.ToStringUtf8())];
}
