using Granary.Amqp;
using Granary.Core;
using Granary.Core.Grains;
using Granary.Core.Links;
using Granary.Core.Topology;

namespace Granary.Silo.Tests.Queues;

public sealed class QueueGrainTests
{
    private static readonly QueueDeclaration Plain = TestGateway.Declaration(default);

    [Fact]
    public async Task Queue_IsDeclaredDescribedAndDeleted_AndCanBeDeclaredAgain()
    {
        await using var silo = await TestSilo.StartAsync();
        var queue = QueueOf(silo, "life");
        Assert.Equal(BrokerError.NoQueue("/", "life"), (await queue.DescribeAsync(default)).Error);
        var declared = await queue.DeclareAsync(Plain);
        Assert.Null(declared.Error);
        Assert.Equal(declared, await queue.DescribeAsync(default));
        Assert.Equal(ReplyCode.PreconditionFailed, (await queue.DeclareAsync(Plain with { Durable = true })).Error?.Code);
        Assert.Null((await queue.DeleteAsync(default, false, false)).Error);
        Assert.Equal(ReplyCode.NotFound, (await queue.PurgeAsync(default)).Error?.Code);
        var again = await queue.DeclareAsync(Plain with { Durable = true });
        Assert.Null(again.Error);
        Assert.NotEqual(declared.Incarnation, again.Incarnation);
    }

    [Fact]
    public async Task Link_ToAMissingQueue_Ends()
    {
        await using var silo = await TestSilo.StartAsync();
        await using var link = await GrainLink.OpenAsync(silo.Grains, QueueOf(silo, "missing"), default);
        Assert.Equal(new EndedItem(LinkEnd.NoQueue), await link.Items.ReadAsync());
    }

    [Theory]
    [MemberData(nameof(Seeds.All), MemberType = typeof(Seeds))]
    public async Task Messages_ArriveOnceAndInOrder_HoweverCallsAreTreated(int? seed)
    {
        const int Batches = 150;
        await using var silo = await TestSilo.StartAsync(seed);
        var queue = QueueOf(silo, "flow");
        while (!await TryAsync(() => queue.DeclareAsync(Plain).AsTask()))
        {
        }

        await using var consumer = await GrainLink.OpenAsync(silo.Grains, queue, ConnectionId.New());
        await using var one = await GrainLink.OpenAsync(silo.Grains, queue, ConnectionId.New());
        await using var other = await GrainLink.OpenAsync(silo.Grains, queue, ConnectionId.New());
        await consumer.SendAsync(new AttachItem(1, "t", false, false, 50, false, default, new Window(long.MaxValue, long.MaxValue)));
        var publishing = Task.WhenAll(PublishAsync(one, 0, Batches), PublishAsync(other, 1_000_000, Batches));
        var given = await ConsumeAsync(consumer, 4 * Batches);
        await publishing;

        Assert.Equal(Enumerable.Range(0, 2 * Batches).Select(i => (long)i), given.Where(id => id < 1_000_000));
        Assert.Equal(Enumerable.Range(1_000_000, 2 * Batches).Select(i => (long)i), given.Where(id => id >= 1_000_000));
        while (!await TryAsync(() => queue.DeleteAsync(default, false, false).AsTask()))
        {
        }

        var last = await consumer.Items.ReadAllAsync().LastAsync().AsTask().WaitAsync(TimeSpan.FromSeconds(20));
        Assert.Equal(new EndedItem(LinkEnd.Deleted), last);
    }

    private static IQueueGrain QueueOf(TestSilo silo, string name) => silo.Grains.GetGrain<IQueueGrain>(GrainKeys.For("/", name));

    private static async Task<bool> TryAsync(Func<Task> call)
    {
        try
        {
            await call();
            return true;
        }
        catch (TimeoutException)
        {
            return false;
        }
    }

    /// <summary>Batches of two, several of them under way at once.</summary>
    private static async Task PublishAsync(GrainLink link, long firstId, int batches)
    {
        var underWay = new Queue<Task>();
        for (var i = 0; i < batches; i++)
        {
            underWay.Enqueue(link.SendAsync(new PublishItem(Queues.Batches.Of(firstId + (2 * i), 2), false)));
            if (underWay.Count > 8)
            {
                await underWay.Dequeue();
            }
        }

        await Task.WhenAll(underWay);
    }

    /// <summary>Takes messages and acknowledges them one delivery at a time.</summary>
    private static async Task<List<long>> ConsumeAsync(GrainLink link, int count)
    {
        using var limit = new CancellationTokenSource(TimeSpan.FromSeconds(60));
        var given = new List<long>();
        var settling = new List<Task>();
        while (given.Count < count)
        {
            if (await link.Items.ReadAsync(limit.Token) is DeliveryItem delivery)
            {
                given.AddRange(delivery.Slices.SelectMany(slice => Queues.Batches.Ids(slice)));
                OffsetRange[] ranges = [.. delivery.Slices.Select(slice => new OffsetRange(slice.FirstOffset, slice.Batch.Count))];
                settling.Add(link.SendAsync(new SettleItem(Settlement.Ack, ranges)));
            }
        }

        await Task.WhenAll(settling);
        return given;
    }
}
