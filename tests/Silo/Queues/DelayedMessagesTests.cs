using Granary.Core;
using Granary.Core.Links;
using Granary.Core.Topology;
using Granary.Silo.DeadLetters;
using Granary.Silo.Queues;
using Granary.Silo.Queues.Definition;
using Granary.Silo.Queues.Messages;
using Granary.Silo.Storage;
using Granary.Silo.Tests.Storage;
using Microsoft.Extensions.Logging.Abstractions;

namespace Granary.Silo.Tests.Queues;

/// <summary>The queue that an exchange has for messages that are not due.</summary>
public sealed class DelayedMessagesTests : IAsyncLifetime
{
    private static readonly string Name = new HiddenQueue(HiddenQueueKind.Delayed, Durable: true, Guid.NewGuid(), "delays").Name;

    private readonly FakeStore _store = new();
    private readonly GroupCommit _commit;
    private QueueStores _stores;
    private TestGateway _gateway;

    public DelayedMessagesTests()
    {
        _commit = new GroupCommit(_store, NullLogger<GroupCommit>.Instance, _ => { });
        _stores = Stores(long.MaxValue);
        _gateway = Declare();
    }

    public Task InitializeAsync() => Task.CompletedTask;

    public async Task DisposeAsync() => await _commit.DisposeAsync();

    [Fact]
    public void Messages_LeaveInTheOrderOfTheirTimes_AndNotBefore()
    {
        var start = _gateway.Now;
        Publish(0, 5_000, 20, 3_000, 20, 0);
        Assert.Equal([4], LeaveBy(start));
        Assert.Equal(start + 20, _gateway.Slot.NextDue);
        Assert.Empty(LeaveBy(start + 19));
        Assert.Equal([1, 3], LeaveBy(start + 20));
        Publish(5, 1_000, 2_900);
        Assert.Equal([5, 6, 2, 0], LeaveBy(start + 9_000));
        Assert.Equal((0, 0, MessageRun.Never), (_gateway.Queue.ReadyCount, _gateway.Queue.ReadyBytes, _gateway.Slot.NextDue));
    }

    /// <summary>One that comes alone leaves in the millisecond in which it is due, and those behind it a few later.</summary>
    [Fact]
    public void Messages_ThatAreDueJustBehindOthers_LeaveTogether()
    {
        var start = _gateway.Now;
        Publish(0, 20, 21, 22, 23, 24, 30);
        Assert.Equal([0], LeaveBy(start + 20));
        Assert.Equal(start + 24, _gateway.Slot.NextDue);
        Assert.Empty(LeaveBy(start + 23));
        Assert.Equal([1, 2, 3, 4], LeaveBy(start + 24));
        Assert.Equal([5], LeaveBy(start + 30));
    }

    [Fact]
    public void Messages_AreStored_WhateverTheirPublisherAskedFor_UntilTheyHaveArrived()
    {
        Publish(0, 10, 10, 20);
        Assert.Equal(3, _store.Offsets(Identity).Length);
        Assert.Equal([0, 1], LeaveBy(_gateway.Now + 10));
        Assert.Equal(3, _store.Offsets(Identity).Length);
        _gateway.Queue.Forget(0, 2);
        _gateway.Pump();
        Assert.Equal([2], _store.Offsets(Identity));
    }

    [Fact]
    public async Task Messages_ThatAreDue_LeaveAtOnceAfterARestart_InTheOrderOfTheirTimes()
    {
        Publish(0, 5_000, 20, 3_000, 20);
        await RestartAsync(_gateway.Now + 3_500);
        Assert.Equal([1, 3, 2], Offsets(TakeDead()));
        Publish(4, 1_400, 1_600);
        var next = _gateway.Queue.NextOffset;
        Assert.Equal([next - 2, 0, next - 1], LeaveBy(_gateway.Now + 1_600, byOffset: true));
    }

    [Fact]
    public async Task Messages_WithoutRoomInMemory_AreInTheStoreOnly_AndLeaveAllTheSame()
    {
        _stores = Stores(perQueue: 2_000);
        _gateway = Declare();
        long[] delays = [.. Enumerable.Range(0, 200).Select(i => 1_000L + ((i * 7_919) % 200 * 100))];
        Publish(0, delays);
        Publish(200, 50_000);
        Assert.InRange(_gateway.Queue.PagedCount, 100, 201);
        Assert.InRange(_gateway.Queue.Figures.ReadyBytes.InMemory, 0, 2_000);

        var order = delays.Select((delay, offset) => (delay, offset)).Order().Select(one => (long)one.offset).ToArray();
        Assert.Equal(order[..50], LeaveBy(_gateway.Now + 1_000 + (50 * 100) - 1, byOffset: true));
        await RestartAsync(_gateway.Now);
        Assert.Equal(order, LeaveBy(_gateway.Now + 21_000, byOffset: true));
    }

    /// <summary>What is under way has memory, too: the rest waits where it is.</summary>
    [Fact]
    public void Messages_ThatAreDueTogether_LeaveAsFarAsTheyArrive()
    {
        const int Count = 40_000;
        Publish(0, [.. Enumerable.Repeat(10L, Count / 2)]);
        Publish(Count / 2, [.. Enumerable.Repeat(11L, Count / 2)]);
        _gateway.Now += 20;
        _gateway.Slot.RunDue(_gateway.Now);
        var gone = 0L;
        while (TakeDead() is { Length: > 0 } dead)
        {
            Assert.InRange(dead.Sum(run => (long)run.Run.Count), 1, Count / 2);
            foreach (var run in dead)
            {
                Assert.Equal(gone, run.Run.First);
                gone = run.Run.End;
                _gateway.Queue.Forget(run.Run.First, run.Run.End);
            }

            _gateway.Slot.Advance(_gateway.Now);
        }

        Assert.Equal(Count, gone);
    }

    [Fact]
    public void Message_IsTakenOut_FromBetweenThoseOfItsTime()
    {
        var start = _gateway.Now;
        Publish(0, 3_000, 3_000, 3_000, 10);
        var messages = new DelayedMessages(isPaced: false);
        messages.Append(new MessageRun(Batches.Delayed(0, 5, 5, 5).Records, 0, 3, false, default, 0, Due: 5));
        messages.Append(new MessageRun(Batches.Delayed(3, 9_000).Records, 3, 1, false, default, 0, Due: 9_000));
        Assert.False(messages.TryRemove(new DelayedId(6, 1)));
        Assert.False(messages.TryRemove(new DelayedId(5, 4)));
        Assert.True(messages.TryRemove(new DelayedId(5, 1)));
        Assert.False(messages.TryRemove(new DelayedId(5, 1)));
        Assert.Equal(3, messages.Count);
        messages.Expire(6);
        Assert.Equal([0, 2], messages.TakeExpired().Select(run => run.First));
        Assert.True(messages.TryRemove(new DelayedId(9_000, 3)));
        Assert.Equal((0, 0, 0, MessageRun.Never), (messages.Count, messages.Bytes, messages.MemoryBytes, messages.NextDue));
    }

    [Fact]
    public void Clients_FindNoQueueOfThatName()
    {
        Assert.Equal(BrokerError.NoQueue("/", Name), _gateway.Slot.Describe(_gateway.Connection, _gateway.Now).Error);
        Assert.Equal(BrokerError.NoQueue("/", Name), _gateway.Slot.Purge(_gateway.Connection, _gateway.Now).Error);
        Assert.Equal(BrokerError.NoQueue("/", Name), _gateway.Delete().Error);
        var declared = _gateway.Slot.Declare(TestGateway.Declaration(_gateway.Connection, durable: true), Guid.NewGuid(), _gateway.Now);
        Assert.Equal($"queue name '{Name}' contains reserved prefix 'amq.*'", declared.Error?.Explanation);
        var link = _gateway.Open();
        link.Send(TestLink.Attachment(1));
        Assert.Equal(BrokerError.NoQueue("/", Name), link.Items.OfType<AttachedItem>().Single().Error);
        Assert.Equal(BrokerError.NoQueue("/", Name), link.Send(new GetItem(1, NoAck: true)).OfType<GotItem>().Single().Error);
    }

    [Theory]
    [InlineData("delays", true)]
    [InlineData("a.b/c\u00e9", false)]
    [InlineData("", true)]
    public void Name_SaysWhoseItIs(string exchange, bool durable)
    {
        var queue = new HiddenQueue(HiddenQueueKind.Delayed, durable, Guid.NewGuid(), exchange);
        Assert.True(HiddenQueue.TryParse(queue.Name, out var read));
        Assert.Equal(queue, read);
        Assert.False(HiddenQueue.TryParse($"amq.delayed.{exchange}", out _));
    }

    private QueueIdentity Identity => _gateway.Queue.Storage!.Journal.Queue.Identity;

    private QueueStores Stores(long perQueue) => new(_commit, null, new MemoryBudget(perQueue, long.MaxValue));

    private TestGateway Declare()
    {
        var gateway = new TestGateway(_stores, name: Name);
        Assert.Null(gateway.Slot.Declare(TestGateway.Declaration(default, durable: true, reservedNameAllowed: true), Guid.NewGuid(), 0).Error);
        gateway.Pump();
        return gateway;
    }

    private void Publish(long first, params long[] delays) => _gateway.Open().Send(new PublishItem(Batches.Delayed(first, delays), false));

    private long[] LeaveBy(long time, bool byOffset = false)
    {
        _gateway.Now = time;
        _gateway.Slot.RunDue(time);
        var dead = TakeDead();
        return byOffset ? Offsets(dead) : [.. dead.SelectMany(run => Batches.Ids(run.Run.ToSlice()))];
    }

    private static long[] Offsets(DeadRun[] dead) => [.. dead.SelectMany(run => Enumerable.Range(0, run.Run.Count).Select(i => run.Run.First + i))];

    private DeadRun[] TakeDead()
    {
        DeadRun[] dead = [.. _gateway.Slot.Dead];
        _gateway.Slot.Dead.Clear();
        Assert.All(dead, run => Assert.Equal((DeathReason.Due, "delays"), (run.Reason, run.Rule.Exchange)));
        return dead;
    }

    private async Task RestartAsync(long now)
    {
        await _gateway.Queue.Storage!.Journal.FlushAsync();
        var identity = Identity;
        var definition = QueueDefinition.Stored("/", Name, _gateway.Queue.Definition.ToDeclaration());
        var storage = (await _stores.TakeOverAsync(identity, TestGateway.Epoch, default))!;
        _gateway = new TestGateway(_stores, name: Name) { Now = now };
        _gateway.Slot.Restore(definition, identity.Incarnation, [], storage, now, [], now);
        _gateway.Pump();
    }
}
