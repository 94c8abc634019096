using Granary.Amqp;
using Granary.Core;
using Granary.Core.Links;
using Granary.Core.Messages;
using Granary.Silo.Hosting;
using Granary.Silo.Queues.Browsing;
using Granary.Silo.Tests.Storage;

namespace Granary.Silo.Tests.Queues;

/// <summary>Ready messages that somebody looks at, in memory or not: in the order in which they are delivered, and as if nobody had looked.</summary>
public sealed class BrowseTests : IAsyncLifetime
{
    private const int Count = 800;

    private readonly WalkStore _store = new("granary-browse-");
    private TestGateway _gateway = null!;

    public Task InitializeAsync() => Task.CompletedTask;

    public async Task DisposeAsync() => await _store.DisposeAsync();

    [Theory]
    [InlineData(StoreKind.Memory, "classic", long.MaxValue)]
    [InlineData(StoreKind.Memory, "classic", 20_000)]
    [InlineData(StoreKind.Files, "quorum", 20_000)]
    [InlineData(StoreKind.Postgres, "quorum", 20_000)]
    [InlineData(StoreKind.Memory, "priorities", long.MaxValue)]
    [InlineData(StoreKind.Files, "priorities", 20_000)]
    [InlineData(StoreKind.Postgres, "priorities", 20_000)]
    [InlineData(StoreKind.Memory, "transient", 20_000)]
    public async Task Messages_AreShownInTheirOrderAndLeftAsTheyAre(StoreKind kind, string queue, long budget)
    {
        await BeginAsync(kind, queue, budget);
        var taker = _gateway.Open();
        taker.Attach(1, prefetch: 30);
        taker.Settle(Settlement.Ack, (0, 4));
        taker.Send(new DetachItem(1));
        var held = Held(taker);

        var before = (_gateway.Queue.ReadyCount, _gateway.Queue.ReadyBytes);
        var shown = await BrowseAsync(most: 7, bytes: 2_000);
        Assert.Equal(shown, await BrowseAsync(most: 1_000, bytes: 1024 * 1024));
        Assert.Equal(before, (_gateway.Queue.ReadyCount, _gateway.Queue.ReadyBytes));
        Assert.Equal(Count - held.Length, shown.Count);

        // What comes back is seen where it stood.
        taker.Settle(Settlement.Requeue, [.. held.Skip(4).Select(static offset => (offset, 1))]);
        shown = await BrowseAsync(most: 50, bytes: 10_000);
        var consumer = _gateway.Open();
        consumer.Attach(1, noAck: true);
        _gateway.Pump();
        Assert.Equal(TestLink.Given(consumer.Items, 1), shown);
    }

    [Fact]
    public async Task Message_LargerThanWhatIsAskedFor_IsShownAlone()
    {
        await BeginAsync(StoreKind.Memory, "classic", long.MaxValue);
        var answer = await new QueueView(_gateway.Queue.Storage!.Journal, most: 10, bytes: 1).ReadAsync(_gateway.Queue.Browse(BrowsePlace.Start, 1), default);
        Assert.Equal(Assert.Single(answer.Messages).Place, answer.Next);
    }

    [Theory]
    [InlineData("x")]
    [InlineData("1-")]
    [InlineData("1-2-3")]
    [InlineData("-1-2")]
    public void Place_ThatIsNone_IsRefused(string text) => Assert.False(BrowsePlace.TryParse(text, out _));

    private static long[] Held(TestLink link) =>
        [.. link.Items.OfType<DeliveryItem>().SelectMany(static item => item.Slices).SelectMany(static slice => Enumerable.Range(0, slice.Batch.Count).Select(i => slice.FirstOffset + i)).Order()];

    private async Task<List<(long Id, bool Redelivered)>> BrowseAsync(int most, int bytes)
    {
        List<(long, bool)> shown = [];
        for (string? next = ""; next is not null;)
        {
            Assert.True(BrowsePlace.TryParse(next, out var place));
            var answer = await new QueueView(_gateway.Queue.Storage?.Journal, most, bytes).ReadAsync(_gateway.Queue.Browse(place, bytes), default);
            Assert.Null(answer.Error);
            Assert.InRange(answer.Messages.Length, 0, most);
            shown.AddRange(answer.Messages.Select(static message => (Batches.Ids(new DeliverySlice(new MessageBatch(message.Record, 1, MessageFlags.None), 0, false)).Single(), message.Redelivered)));
            next = answer.Next;
        }

        return shown;
    }

    private async Task BeginAsync(StoreKind kind, string queue, long budget)
    {
        var arguments = queue == "quorum" ? FieldTable.Of(("x-queue-type", "quorum")) : queue == "priorities" ? FieldTable.Of(("x-max-priority", 3)) : FieldTable.Of();
        _gateway = new TestGateway(await _store.BeginAsync(kind, budget)).Declare(durable: true, arguments: EncodedTable.From(arguments));
        var publisher = _gateway.Open();
        for (var first = 0; first < Count; first += 10)
        {
            publisher.Send(new PublishItem(
                Batches.Of(first, 10, static _ => 400, persistent: queue != "transient", priority: queue == "priorities" ? static id => (byte)(id / 7 % 3) : null), false));
        }

        if (budget < long.MaxValue)
        {
            Assert.InRange(_gateway.Queue.PagedCount, 1, Count);
        }
    }
}
