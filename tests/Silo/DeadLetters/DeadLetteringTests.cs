using Granary.Amqp;
using Granary.Core;
using Granary.Core.Grains;
using Granary.Core.Links;
using Granary.Core.Routing;
using Granary.Core.Topology;
using Granary.Silo.Tests.Queues;

namespace Granary.Silo.Tests.DeadLetters;

/// <summary>Dead messages between queue grains, also where calls are lost, repeated and reordered.</summary>
public sealed class DeadLetteringTests
{
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(60);

    [Theory]
    [MemberData(nameof(Seeds.All), MemberType = typeof(Seeds))]
    public async Task RejectedMessages_ArriveOnceAndInOrder_HoweverCallsAreTreated(int? seed)
    {
        const int Count = 400;
        await using var silo = await TestSilo.StartAsync(seed);
        var source = await DeclareAsync(silo, "source", ("x-dead-letter-exchange", ""), ("x-dead-letter-routing-key", "dead"));
        var dead = await DeclareAsync(silo, "dead");
        await using var collector = await CollectAsync(silo, dead);
        await using var link = await GrainLink.OpenAsync(silo.Grains, source, ConnectionId.New());
        await link.SendAsync(new AttachItem(1, "t", false, false, 20, false, default, new Window(long.MaxValue, long.MaxValue)));
        for (var i = 0; i < Count; i += 4)
        {
            await link.SendAsync(new PublishItem(Batches.Of(i, 4), false));
        }

        var rejected = 0;
        while (rejected < Count)
        {
            if (await link.Items.ReadAsync().AsTask().WaitAsync(Patience) is DeliveryItem delivery)
            {
                foreach (var slice in delivery.Slices)
                {
                    await link.SendAsync(new SettleItem(Settlement.Reject, [new OffsetRange(slice.FirstOffset, slice.Batch.Count)]));
                    rejected += slice.Batch.Count;
                }
            }
        }

        Assert.Equal(Enumerable.Range(0, Count).Select(i => (long)i), await TakeAsync(collector, Count));
    }

    [Fact]
    public async Task RefusedMessages_OfMoreThanMayWaitInMemory_AllArriveAndAllAreAnswered()
    {
        const int Count = 24;
        await using var silo = await TestSilo.StartAsync();
        var source = await DeclareAsync(
            silo, "source", ("x-dead-letter-exchange", ""), ("x-dead-letter-routing-key", "dead"), ("x-max-length", 0), ("x-overflow", "reject-publish-dlx"));
        var dead = await DeclareAsync(silo, "dead");
        await using var collector = await CollectAsync(silo, dead);
        await using var link = await GrainLink.OpenAsync(silo.Grains, source, ConnectionId.New());
        for (var i = 0; i < Count; i++)
        {
            await link.SendAsync(new PublishItem(Batches.Of(i, 1, bodyLength: _ => 1024 * 1024), false));
        }

        Assert.Equal(Enumerable.Range(0, Count).Select(i => (long)i), await TakeAsync(collector, Count));
        for (var answered = 0; answered < Count;)
        {
            answered += await link.Items.ReadAsync().AsTask().WaitAsync(Patience) is PublishedItem ? 1 : 0;
        }
    }

    [Fact]
    public async Task ExpiredMessages_GoThroughTheExchangeToEveryQueueBoundThere_WithNobodyCalling()
    {
        await using var silo = await TestSilo.StartAsync();
        var exchange = silo.Grains.GetGrain<IExchangeGrain>(GrainKeys.For("/", "dlx"));
        Assert.Null(await exchange.DeclareAsync(new ExchangeDeclaration(ExchangeTypes.Fanout, false, false, false, default)));
        var (one, two) = (await DeclareAsync(silo, "one"), await DeclareAsync(silo, "two"));
        foreach (var name in new[] { "one", "two" })
        {
            Assert.Null(await exchange.BindAsync(new Binding(new Destination(DestinationKind.Queue, name, default), "", default), toDurable: false));
        }

        var source = await DeclareAsync(silo, "source", ("x-dead-letter-exchange", "dlx"), ("x-message-ttl", 20));
        await using var first = await CollectAsync(silo, one);
        await using var second = await CollectAsync(silo, two);
        await using var link = await GrainLink.OpenAsync(silo.Grains, source, ConnectionId.New());
        await link.SendAsync(new PublishItem(Batches.Of(0, 5), false));

        Assert.Equal([0, 1, 2, 3, 4], await TakeAsync(first, 5));
        Assert.Equal([0, 1, 2, 3, 4], await TakeAsync(second, 5));
        Assert.Equal(0, (await source.DescribeAsync(default)).Messages);
    }

    [Fact]
    public async Task MissingExchangeOrQueue_DropsTheMessages_AndLaterOnesFindWhatIsThere()
    {
        await using var silo = await TestSilo.StartAsync();
        var source = await DeclareAsync(silo, "source", ("x-dead-letter-exchange", "dlx"), ("x-dead-letter-routing-key", "dead"), ("x-message-ttl", 0));
        await using var link = await GrainLink.OpenAsync(silo.Grains, source, ConnectionId.New());
        await link.SendAsync(new PublishItem(Batches.Of(0, 5), false));
        var exchange = silo.Grains.GetGrain<IExchangeGrain>(GrainKeys.For("/", "dlx"));
        Assert.Null(await exchange.DeclareAsync(new ExchangeDeclaration(ExchangeTypes.Direct, false, false, false, default)));
        Assert.Null(await exchange.BindAsync(new Binding(new Destination(DestinationKind.Queue, "dead", default), "dead", default), toDurable: false));
        await link.SendAsync(new PublishItem(Batches.Of(5, 5), false));
        var dead = await DeclareAsync(silo, "dead");
        await using var collector = await CollectAsync(silo, dead);

        // How far the first ones got is a matter of time; nothing of them may come after the last.
        await link.SendAsync(new PublishItem(Batches.Of(10, 1), false));
        var ids = new List<long>();
        do
        {
            ids.AddRange(await TakeAsync(collector, 1));
        }
        while (ids[^1] != 10);

        Assert.Equal(ids.Order(), ids);
    }

    [Fact]
    public async Task QueueThatIsItsOwnDeadLetterTarget_DropsWhatExpired_ButTakesBackWhatWasRejected()
    {
        await using var silo = await TestSilo.StartAsync();
        var loop = await DeclareAsync(silo, "loop", ("x-dead-letter-exchange", ""), ("x-dead-letter-routing-key", "loop"));
        await using var link = await GrainLink.OpenAsync(silo.Grains, loop, ConnectionId.New());
        await link.SendAsync(new PublishItem(Batches.Of(0, 1, expiry: _ => 0), false), new PublishItem(Batches.Of(1, 1), false));
        await link.SendAsync(new AttachItem(1, "t", false, false, 1, false, default, new Window(long.MaxValue, long.MaxValue)));
        for (var round = 0; round < 3; round++)
        {
            var slice = await NextAsync(link);
            Assert.Equal([1], Batches.Ids(slice));
            await link.SendAsync(new SettleItem(Settlement.Reject, [new OffsetRange(slice.FirstOffset, 1)]));
        }
    }

    private static async Task<IQueueGrain> DeclareAsync(TestSilo silo, string name, params (string, FieldValue)[] arguments)
    {
        var queue = silo.Grains.GetGrain<IQueueGrain>(GrainKeys.For("/", name));
        var declaration = TestGateway.Declaration(default, arguments: EncodedTable.From(FieldTable.Of(arguments)));
        while (true)
        {
            try
            {
                Assert.Null((await queue.DeclareAsync(declaration)).Error);
                return queue;
            }
            catch (TimeoutException e)
            {
                // It may be declared twice.
                Assert.NotNull(e);
            }
        }
    }

    private static async Task<GrainLink> CollectAsync(TestSilo silo, IQueueGrain queue)
    {
        var link = await GrainLink.OpenAsync(silo.Grains, queue, ConnectionId.New());
        await link.SendAsync(new AttachItem(1, "c", true, false, 0, false, default, new Window(long.MaxValue, long.MaxValue)));
        return link;
    }

    private static async Task<DeliverySlice> NextAsync(GrainLink link)
    {
        while (true)
        {
            if (await link.Items.ReadAsync().AsTask().WaitAsync(Patience) is DeliveryItem delivery)
            {
                return Assert.Single(delivery.Slices);
            }
        }
    }

    private static async Task<List<long>> TakeAsync(GrainLink link, int count)
    {
        var ids = new List<long>();
        while (ids.Count < count)
        {
            if (await link.Items.ReadAsync().AsTask().WaitAsync(Patience) is DeliveryItem delivery)
            {
                ids.AddRange(delivery.Slices.SelectMany(slice => Batches.Ids(slice)));
            }
        }

        return ids;
    }
}
