using Granary.Core.Links;
using Granary.Silo.Queues.Definition;
using Granary.Silo.Storage;
using Granary.Silo.Tests.Queues;

namespace Granary.Silo.Tests.Storage;

/// <summary>What an activation that ends in good order leaves to the next one, besides what is stored anyway.</summary>
public sealed class HandOverTests : IAsyncLifetime
{
    private readonly FakeStores _stores = new();
    private TestGateway _gateway;

    public HandOverTests() => _gateway = new TestGateway(_stores.Queues).Declare(durable: true);

    public Task InitializeAsync() => Task.CompletedTask;

    public async Task DisposeAsync() => await _stores.DisposeAsync();

    [Fact]
    public async Task TransientMessages_OfADurableQueue_StandAmongPersistentOnesAsBefore()
    {
        var publisher = _gateway.Open();
        publisher.Publish(0, 2);
        publisher.Send(new PublishItem(Batches.Of(2, 2, persistent: true), Resent: false) { Number = 1 });
        publisher.Publish(4, 2);
        _gateway.Pump();

        Assert.Equal((4L, 0L), await HandOverAsync());

        var consumer = _gateway.Open();
        consumer.Attach(1);
        _gateway.Pump();
        Assert.Equal([0L, 1, 2, 3, 4, 5], consumer.GivenIds(1));
        Assert.All(TestLink.Given(consumer.Items, 1), message => Assert.False(message.Redelivered));
    }

    [Fact]
    public async Task TransientMessages_ThatSomebodyHolds_AreRedeliveredAndNoOthers()
    {
        var holder = _gateway.Open();
        holder.Publish(0, 3);
        holder.Attach(1, prefetch: 1);
        Assert.Equal([0L], holder.GivenIds(1));

        Assert.Equal((3L, 0L), await HandOverAsync());

        var consumer = _gateway.Open();
        consumer.Attach(1);
        _gateway.Pump();
        Assert.Equal([(0L, true), (1L, false), (2L, false)], TestLink.Given(consumer.Items, 1));
    }

    [Fact]
    public async Task TransientMessages_InABatchWithPersistentOnes_AreCountedAsLost()
    {
        var publisher = _gateway.Open();
        var mixed = Batches.Of(0, 2, persistent: true);
        var records = mixed.Records.ToArray();
        records[4] &= unchecked((byte)~(byte)Core.Messages.MessageFlags.Persistent);
        publisher.Send(new PublishItem(mixed with { Records = records }, Resent: false) { Number = 1 });
        _gateway.Pump();

        Assert.Equal((0L, 1L), await HandOverAsync());
    }

    /// <summary>Publishers that have not heard yet that the queue took a batch send it again.</summary>
    [Fact]
    public async Task TransientMessages_ThatAreSentAgain_AreNotTakenTwice_ButThoseOfACrashAre()
    {
        var session = SessionId.New();
        var first = new PublishItem(Batches.Of(0, 3), Resent: false) { Number = 1 };
        _gateway.Open(session, first);
        Assert.Equal((3L, 0L), await HandOverAsync());

        var second = new PublishItem(Batches.Of(3, 2), Resent: false) { Number = 2 };
        var third = new PublishItem(Batches.Of(5, 1, persistent: true), Resent: false) { Number = 3 };
        _gateway.Open(session, ordinal: 2, first with { Resent = true }, second, third);
        Assert.Equal(6, _gateway.Queue.ReadyCount);
        _gateway.Pump();

        await TakeOverAsync();
        Assert.Equal(4, _gateway.Queue.ReadyCount);
        _gateway.Open(session, ordinal: 3, second with { Resent = true }, third with { Resent = true });
        Assert.Equal(6, _gateway.Queue.ReadyCount);
    }

    /// <summary>One that has not come again since a crash may have published what is gone: nobody says that it is there.</summary>
    [Fact]
    public async Task TransientMessages_OfASessionThatIsAwaited_AreTakenAgain()
    {
        var session = SessionId.New();
        var first = new PublishItem(Batches.Of(0, 3), Resent: false) { Number = 1 };
        var second = new PublishItem(Batches.Of(3, 1, persistent: true), Resent: false) { Number = 2 };
        _gateway.Open(session, first, second);
        _gateway.Pump();
        await TakeOverAsync();
        await HandOverAsync();

        _gateway.Open(session, ordinal: 2, first with { Resent = true }, second with { Resent = true });
        Assert.Equal(4, _gateway.Queue.ReadyCount);
    }

    [Fact]
    public async Task QueueThatIsNotDurable_LeavesWhichBatchesItHasTaken()
    {
        var gateway = new TestGateway(_stores.Queues, name: "transient").Declare();
        var session = SessionId.New();
        gateway.Open(session, new PublishItem(Batches.Of(0, 3), Resent: false) { Number = 7 });
        var identity = new QueueIdentity("%2F/transient", gateway.Queue.Incarnation);
        var borrowed = _stores.Borrow(identity);

        Assert.Equal((3L, 0L), gateway.Queue.HandOver(borrowed));

        await borrowed.FlushAsync();
        var storage = await _stores.Queues.TakeOverAsync(identity, TestGateway.Epoch, default);
        Assert.Equal([new PublishProgress(session, 7)], storage!.Backlog.Sessions);
    }

    [Fact]
    public async Task Acknowledged_AfterTheHandOver_IsGoneForGood()
    {
        _gateway.Open().Publish(0, 2);
        await HandOverAsync();
        var consumer = _gateway.Open();
        consumer.Attach(1);
        _gateway.Pump();

        consumer.Settle(Settlement.Ack, (0, 2));
        _gateway.Pump();

        Assert.Empty(_stores.Store.Offsets(_gateway.Queue.Storage!.Journal.Queue.Identity));
    }

    private async Task<(long Stored, long Lost)> HandOverAsync()
    {
        var queue = _gateway.Queue;
        var messages = queue.HandOver(borrowed: null);
        queue.CloseStorage();
        await TakeOverAsync();
        return messages;
    }

    /// <summary>As after a crash.</summary>
    private async Task TakeOverAsync()
    {
        var queue = _gateway.Queue;
        var identity = queue.Storage!.Journal.Queue.Identity;
        await queue.Storage.Journal.FlushAsync();
        var storage = await _stores.Queues.TakeOverAsync(identity, TestGateway.Epoch, default);
        _gateway = new TestGateway(_stores.Queues);
        _gateway.Slot.Restore(QueueDefinition.Stored("/", "q", queue.Definition.ToDeclaration()), identity.Incarnation, [], storage, _gateway.Now, [], _gateway.Now);
        _gateway.Pump();
    }
}
