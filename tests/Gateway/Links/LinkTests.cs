using Granary.Core;
using Granary.Core.Links;
using Granary.Gateway.Tests.Fakes;
using Granary.Testing.Logs;

namespace Granary.Gateway.Tests.Links;

/// <summary>A connection's links to one queue that the test plays.</summary>
public abstract class LinkTests : IDisposable
{
    private protected LinkTests(ILocalQueues? local = null)
    {
        Grains = new FakeGrains(_ => Queue);
        Set = new LinkSet(Grains.Factory, local, ConnectionId.New(), "/", Clock, Watched.LoggerOf<LinkSet>()) { Losses = Losses };
    }

    private protected SiloLosses Losses { get; } = new("test", TimeProvider.System);

    private protected WatchedLog Watched { get; } = new();

    private protected FakeClock Clock { get; } = new();

    private protected ScriptedQueue Queue { get; } = new();

    private protected FakeGrains Grains { get; }

    private protected FakePublisher Publisher { get; } = new();

    private protected LinkSet Set { get; }

    public void Dispose()
    {
        Watched.Check();
        GC.SuppressFinalize(this);
    }

    private protected QueueSession Opened(string name)
    {
        var link = Set.Open(name);
        link.Enqueue(new SettleItem(Settlement.Ack, [new OffsetRange(0, 1)]));
        Set.Flush();
        Queue.Last.Answer(1, Queue.Last.Down(1, 1, 0, Opened()));
        return link;
    }

    private protected FakeConsumer Attached(QueueSession link)
    {
        var consumer = new FakeConsumer();
        link.Attach(consumer, exclusive: false, prefetch: 0, shared: false, EncodedTable.Empty);
        Set.Flush();
        Queue.Last.Answer(2, Queue.Last.Down(2, 2, 0, new AttachedItem(consumer.Id, null)));
        return consumer;
    }

    private protected void Publish(QueueSession link, params string[] bodies)
    {
        Publisher.Publish(link, bodies);
        Set.Flush();
    }

    private protected void Push(LinkDown down) => Assert.True(Set.ReceiveAsync(down).IsCompletedSuccessfully);

    private protected void Tick(int milliseconds = 250)
    {
        Clock.Advance(TimeSpan.FromMilliseconds(milliseconds));
        Set.Tick();
    }

    private protected static OpenedItem Opened() => new(Guid.NewGuid());

    private protected static PublishedItem Accepted(long firstOffset) => new(firstOffset, null);

    private protected static DeliveryItem Delivery(FakeConsumer consumer, long firstOffset, params string[] bodies) =>
        new(consumer.Id, [Messages.Slice(firstOffset, bodies)]);
}
