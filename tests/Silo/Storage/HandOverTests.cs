using Granary.Core.Links;
using Granary.Silo.Queues.Definition;
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
        var identity = queue.Storage!.Journal.Queue.Identity;
        var messages = queue.HandOver(borrowed: null);
        queue.CloseStorage();
        await queue.Storage.Journal.FlushAsync();
        var storage = await _stores.Queues.TakeOverAsync(identity, TestGateway.Epoch, default);
        _gateway = new TestGateway(_stores.Queues);
        _gateway.Slot.Restore(QueueDefinition.Stored("/", "q", queue.Definition.ToDeclaration()), identity.Incarnation, [], storage, _gateway.Now, [], _gateway.Now);
        _gateway.Pump();
        return messages;
    }
}
