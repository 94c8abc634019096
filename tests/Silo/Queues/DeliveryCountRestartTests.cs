using Granary.Amqp;
using Granary.Core;
using Granary.Core.Grains;
using Granary.Core.Links;
using Granary.Core.Messages;
using Granary.Silo.Queues.Activation;
using Granary.Silo.Storage.Memory;

namespace Granary.Silo.Tests.Queues;

/// <summary>How often messages came back outlives the silo that counted it, whether that ends in good order or not, and goes with the queue.</summary>
public sealed class DeliveryCountRestartTests
{
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(60);
    private static readonly string Key = GrainKeys.For("/", "q");

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task Counts_AfterARestart_GoOnFromWhereTheyWere(bool isCrash)
    {
        var store = new MemoryStore();
        var next = store;
        await using (var silo = await TestSilo.StartAsync(store: store))
        {
            var queue = await DeclareAsync(silo);
            await using var link = await GrainLink.OpenAsync(silo.Grains, queue, ConnectionId.New());
            await link.SendAsync(new PublishItem(Batches.Of(0, 2, persistent: true), Resent: false), TestLink.Attachment(1));
            await link.SendAsync(new SettleItem(Settlement.Requeue, [new OffsetRange(0, 1)]));
            await NextAsync(link, id: 0, count: 1);
            await UntilAsync(async () => (await store.ReadRowsAsync(DeliveryCountRows.TableOf(Key), default)).Count == 1);
            next = isCrash ? store.Copy() : store;
        }

        await using (var silo = await TestSilo.StartAsync(store: next))
        {
            var queue = await DeclareAsync(silo);
            await using var link = await GrainLink.OpenAsync(silo.Grains, queue, ConnectionId.New());
            await link.SendAsync(TestLink.Attachment(1, prefetch: 1));
            await NextAsync(link, id: 0, count: 1);
            await link.SendAsync(new SettleItem(Settlement.Requeue, [new OffsetRange(0, 1)]));
            await NextAsync(link, id: 0, count: 2);

            // Once more is too often.
            await link.SendAsync(new SettleItem(Settlement.Requeue, [new OffsetRange(0, 1)]));
            await NextAsync(link, id: 1, count: null);
            await UntilAsync(async () => (await next.ReadRowsAsync(DeliveryCountRows.TableOf(Key), default)).Count == 0);
        }
    }

    [Fact]
    public async Task Counts_OfADeletedQueue_GoWithIt()
    {
        var store = new MemoryStore();
        await using var silo = await TestSilo.StartAsync(store: store);
        var queue = await DeclareAsync(silo);
        await using var link = await GrainLink.OpenAsync(silo.Grains, queue, ConnectionId.New());
        await link.SendAsync(new PublishItem(Batches.Of(0, 200, persistent: true), Resent: false), TestLink.Attachment(1));
        await link.SendAsync(new SettleItem(Settlement.Requeue, [new OffsetRange(0, 200)]));
        await UntilAsync(async () => (await store.ReadRowsAsync(DeliveryCountRows.TableOf(Key), default)).Count == 4);

        await queue.DeleteAsync(default, ifUnused: false, ifEmpty: false);

        await UntilAsync(async () => (await store.ReadRowsAsync(DeliveryCountRows.TableOf(Key), default)).Count == 0);
    }

    private static async Task<IQueueGrain> DeclareAsync(TestSilo silo)
    {
        var queue = silo.Grains.GetGrain<IQueueGrain>(Key);
        var arguments = EncodedTable.From(FieldTable.Of(("x-queue-type", "quorum"), ("x-delivery-limit", 2)));
        Assert.Null((await queue.DeclareAsync(TestGateway.Declaration(default, durable: true, arguments: arguments))).Error);
        return queue;
    }

    /// <summary>Reads deliveries until one of a message that says to have come back so often.</summary>
    private static async Task NextAsync(GrainLink link, long id, long? count)
    {
        while (true)
        {
            if (await link.Items.ReadAsync().AsTask().WaitAsync(Patience) is DeliveryItem delivery
                && delivery.Slices.Any(slice => Batches.Ids(slice).Contains(id) && CountOf(slice) == count))
            {
                return;
            }
        }
    }

    private static long? CountOf(DeliverySlice slice)
    {
        var view = BasicPropertiesView.Read(new MessageRecord(slice.Batch.Records.Span).Properties);
        return view.TryGetHeaders(out var headers) && FieldTable.Decode(headers).TryGetValue("x-delivery-count", out var value) && value.TryGetInteger(out var count)
            ? count
            : null;
    }

    private static async Task UntilAsync(Func<Task<bool>> isSo)
    {
        using var patience = new CancellationTokenSource(Patience);
        while (!await isSo())
        {
            await Task.Delay(10, patience.Token);
        }
    }
}
