using System.Buffers.Binary;
using Granary.Amqp;
using Granary.Core;
using Granary.Core.Links;
using Granary.Core.Messages;
using Granary.Silo.Queues;
using Granary.Silo.Queues.Definition;
using Granary.Silo.Tests.Storage;
using Granary.Testing.Unkind;

namespace Granary.Silo.Tests.Queues;

/// <summary>Queues where messages with one value of a header go to one consumer at a time (x-message-group).</summary>
[Trait(TestSeed.Trait, TestSeed.NotConcerned)]
public sealed class MessageGroupTests : IAsyncLifetime
{
    private readonly FakeStores _stores = new();
    private long _next;
    private int _bodyLength = sizeof(long);

    public Task InitializeAsync() => Task.CompletedTask;

    public async Task DisposeAsync() => await _stores.DisposeAsync();

    [Fact]
    public void Group_GoesToOneConsumer_UntilNothingOfItIsOut()
    {
        var link = Declare().Open();
        link.Attach(1, prefetch: 2);
        link.Attach(2, prefetch: 2);
        link.Send(Publish("a", "a", "a", "b", "a", "b"));

        Assert.Equal([0, 1], link.GivenIds(1));
        Assert.Equal([3, 5], link.GivenIds(2));
        link.Settle(Settlement.Ack, (0, 1));
        link.Settle(Settlement.Ack, (3, 1));
        Assert.Equal([0, 1, 2], link.GivenIds(1));
        Assert.Equal([3, 5], link.GivenIds(2));

        // Free again, it goes to whose turn it is.
        link.Settle(Settlement.Ack, (1, 2));
        Assert.Equal([0, 1, 2, 4], link.GivenIds(1).Concat(link.GivenIds(2).Skip(2)));
    }

    [Fact]
    public void WhatIsInNoGroup_GoesToAnybody()
    {
        var link = Declare().Open();
        link.Attach(1, prefetch: 1);
        link.Attach(2, prefetch: 9);
        link.Send(Publish("a", "a", null, "b", null));

        Assert.Equal([0], link.GivenIds(1));
        Assert.Equal([2, 3, 4], link.GivenIds(2));
    }

    /// <summary>Clients choose the width by their language, and some by the number.</summary>
    [Fact]
    public void Integers_OfAnyWidth_AreOneGroupIfTheyAreEqual_AndOtherKindsAreOthers()
    {
        var link = Declare().Open();
        link.Attach(1, prefetch: 1);
        link.Attach(2, prefetch: 9);
        link.Send(Publish(persistent: false, 5, 5L, "5", FieldValue.Timestamp(5), 5L));

        Assert.Equal([0], link.GivenIds(1));
        Assert.Equal([2, 3], link.GivenIds(2));
    }

    [Fact]
    public void Returned_Messages_ComeBeforeThoseBehindThem()
    {
        var link = Declare().Open();
        link.Attach(1, prefetch: 2);
        link.Attach(2, prefetch: 2);
        link.Send(Publish("a", "a", "a", "a"));
        Assert.Equal([0, 1], link.GivenIds(1));

        link.Settle(Settlement.Requeue, (0, 2));

        // It moves on as a whole, in its order, to whose turn it is.
        Assert.Equal([0, 1], link.GivenIds(2));
        Assert.Equal([0, 1], link.GivenIds(1));
    }

    [Fact]
    public void Holder_ThatIsLost_GivesAllBackBeforeTheGroupMovesOn()
    {
        var gateway = Declare();
        var lost = gateway.Open();
        lost.Attach(1, prefetch: 3);
        var other = gateway.Open();
        other.Attach(2);
        lost.Send(Publish("a", "a", "a", "a", "a"));
        Assert.Equal([0, 1, 2], lost.GivenIds(1));
        Assert.Empty(other.GivenIds(2));

        // Cancelled, it still has what it was given.
        lost.Send(new DetachItem(1));
        lost.Settle(Settlement.Ack, (1, 1));
        Assert.Empty(other.GivenIds(2));

        lost.Send(new CloseItem());
        Assert.Equal([(0L, true), (2L, true), (3L, false), (4L, false)], TestLink.Given(other.Items, 2));
    }

    [Fact]
    public void Rejected_AndDropped_MessagesFreeTheirGroup()
    {
        var link = Declare(("x-dead-letter-exchange", "dlx")).Open();
        link.Attach(1, prefetch: 1);
        link.Attach(2, prefetch: 1);
        link.Send(Publish("a", "a", "a"));
        link.Settle(Settlement.Reject, (0, 1));
        link.Settle(Settlement.Ack, (1, 1));

        Assert.Equal([0, 1, 2], link.GivenIds(1).Concat(link.GivenIds(2)).Order());
    }

    [Fact]
    public void Consumer_WithoutAcknowledgements_HoldsNothing()
    {
        var link = Declare().Open();
        link.Send(Publish("a", "a", "b"));
        link.Attach(1, noAck: true);
        Assert.Equal([0, 1, 2], link.GivenIds(1));
        link.Send(new DetachItem(1));
        link.Attach(2);
        Assert.Equal([3], TestLink.Given(link.Send(Publish("a")), 2).Select(given => given.Id));
    }

    [Fact]
    public void Get_PassesOverGroupsOfWhichSomethingIsOut()
    {
        var gateway = Declare();
        var link = gateway.Open();
        link.Send(Publish("a", "a", "b"));
        Assert.Equal([0, 2, null], Enumerable.Range(1, 3).Select(request => Got(link.Send(new GetItem(request, NoAck: false)))));
        link.Settle(Settlement.Ack, (0, 1));
        Assert.Equal(1, Got(link.Send(new GetItem(4, NoAck: false))));
    }

    [Fact]
    public void Blocked_Messages_AreLookedPastUpToALimit()
    {
        var gateway = Declare();
        var link = gateway.Open();
        link.Attach(1, prefetch: 1);
        link.Send(Publish([.. Enumerable.Repeat("a", 10_000), "b", "a", "c"]));
        link.Attach(2, prefetch: 9);
        Assert.Equal([10_000, 10_002], link.GivenIds(2));

        // With ten thousand set aside it looks no further, until there is one less.
        link.Send(Publish("a", "d"));
        Assert.Equal([10_000, 10_002], link.GivenIds(2));
        Assert.Equal(10_002, gateway.Queue.ReadyCount);
        link.Settle(Settlement.Ack, (0, 1));
        Assert.Equal([0, 1, 10_000, 10_002, 10_004], link.GivenIds(1).Concat(link.GivenIds(2)).Where(id => id is < 2 or >= 10_000).Order());
    }

    [Fact]
    public void Blocked_Messages_Expire_CountAndCanBePurged()
    {
        var gateway = Declare(("x-message-ttl", 100), ("x-dead-letter-exchange", "dlx"));
        var link = gateway.Open();
        link.Attach(1, prefetch: 1);
        link.Send(Publish("a", "a", "a"));
        Assert.Equal((2, gateway.Now + 100), (gateway.Queue.ReadyCount, gateway.Slot.NextDue));

        gateway.Now += 60;
        link.Send(Publish("a"));
        gateway.Now += 40;
        gateway.Slot.RunDue(gateway.Now);
        Assert.Equal([1, 2], gateway.Slot.Dead.SelectMany(dead => Batches.Ids(dead.Run.ToSlice())));
        Assert.Equal(1, gateway.Slot.Purge(gateway.Connection, gateway.Now).Messages);
        link.Settle(Settlement.Ack, (0, 1));
        Assert.Equal([0], link.GivenIds(1));
    }

    [Fact]
    public void MaxLength_DropsTheFirst_BlockedOrNot()
    {
        var gateway = Declare(("x-max-length", 2));
        var link = gateway.Open();
        link.Attach(1, prefetch: 1);
        link.Send(Publish("a", "a", "a", "a"));
        Assert.Equal(2, gateway.Queue.ReadyCount);
        link.Settle(Settlement.Ack, (0, 1));
        Assert.Equal([0, 2], link.GivenIds(1));
    }

    [Fact]
    public async Task Restart_KeepsGroupsWithWhoHoldsSomethingOfThem()
    {
        var (holder, other) = (SessionId.New(), SessionId.New());
        var gateway = new TestGateway(_stores.Queues).Declare(durable: true, arguments: Arguments());
        gateway.Open().Send(Publish(persistent: true, "a", "b", "a", "b"));
        await gateway.Queue.Storage!.Journal.FlushAsync();
        var identity = gateway.Queue.Storage!.Journal.Queue.Identity;
        var definition = QueueDefinition.Stored("/", "q", gateway.Queue.Definition.ToDeclaration());
        var storage = await _stores.Queues.TakeOverAsync(identity, TestGateway.Epoch, default);
        gateway = new TestGateway(_stores.Queues);
        gateway.Resumed.Add(holder);
        gateway.Slot.Restore(definition, identity.Incarnation, [], storage, gateway.Now, [holder], gateway.Now);
        gateway.Pump();

        var consumer = gateway.Open(other);
        consumer.Attach(1);
        var held = gateway.Open(holder, TestLink.Attachment(7, prefetch: 1), new HoldItem(7, [new OffsetRange(0, 1)]));

        Assert.Equal([1, 3], consumer.GivenIds(1));
        held.Settle(Settlement.Ack, (0, 1));
        Assert.Equal([2], held.GivenIds(7).Concat(consumer.GivenIds(1).Skip(2)));
    }

    [Fact]
    public async Task Backlog_ThatIsPagedOut_IsGivenInItsOrderWithinEachGroup()
    {
        const int Groups = 7;
        await using var stores = new FakeStores(budget: new MemoryBudget(perQueue: 40_000, perSilo: long.MaxValue));
        _bodyLength = 200;
        var gateway = new TestGateway(stores.Queues).Declare(durable: true, arguments: Arguments());
        var link = gateway.Open();
        for (var i = 0; i < 40; i++)
        {
            link.Send(Publish(persistent: true, [.. Enumerable.Range(i * 50, 50).Select(id => $"{id % Groups}")]));
        }

        Assert.True(gateway.Queue.PagedCount > 0);
        link.Attach(1, prefetch: 5);
        link.Attach(2, prefetch: 3);
        List<long> given = [];
        var seen = 0;
        while (given.Count < 2_000)
        {
            var ids = link.Items.Skip(seen).OfType<DeliveryItem>().SelectMany(item => item.Slices).SelectMany(Batches.Ids).ToArray();
            Assert.NotEmpty(ids);
            given.AddRange(ids);
            seen = link.Items.Count;
            foreach (var id in ids)
            {
                link.Settle(Settlement.Ack, (id, 1));
            }
        }

        Assert.All(given.GroupBy(id => id % Groups), group => Assert.Equal(group.Order(), group));
        Assert.Equal(0, gateway.Queue.ReadyCount);
    }

    /// <summary>By seed: a group is never at two consumers, and never out of its order.</summary>
    [Fact]
    public void GroupWalk_OfAnything_KeepsGroupsTogetherAndInOrder()
    {
        for (var seed = 0; seed < 40; seed++)
        {
            _next = 0;
            new GroupWalk(seed, Declare(seed % 2 == 0 ? [("x-queue-type", "classic")] : [("x-single-active-consumer", true)]), Publish).Run(300);
        }
    }

    [Theory]
    [InlineData("x-message-group", 1, "{unacceptable_type,signedint}")]
    public void Argument_ThatIsNoText_IsRefused(string name, int value, string why) =>
        Assert.Equal($"invalid arg '{name}' for queue 'q' in vhost '/': {why}", Refusal((name, value)));

    [Fact]
    public void Groups_WithPriorities_AreRefused() =>
        Assert.Equal("invalid arg 'x-message-group' for queue 'q' in vhost '/': \"not supported together with x-max-priority\"", Refusal(("x-message-group", "h"), ("x-max-priority", 3)));

    private static string? Refusal(params (string, FieldValue)[] arguments) =>
        QueueDefinition.From("/", "q", TestGateway.Declaration(default, arguments: EncodedTable.From(FieldTable.Of(arguments)))).Error?.Explanation;

    private static long? Got(LinkDownItem[] items) =>
        Assert.Single(items.OfType<GotItem>()).Message is { } message ? Batches.Ids(message)[0] : null;

    private static TestGateway Declare(params (string, FieldValue)[] arguments) => new TestGateway().Declare(arguments: Arguments(arguments));

    private static EncodedTable Arguments(params (string, FieldValue)[] arguments) => EncodedTable.From(FieldTable.Of([("x-message-group", "group"), .. arguments]));

    private PublishItem Publish(params string?[] groups) => Publish(persistent: false, groups);

    private PublishItem Publish(bool persistent, params string?[] groups) =>
        Publish(persistent, Array.ConvertAll(groups, static group => group is null ? (FieldValue?)null : FieldValue.LongString(group)));

    // The ids are the offsets.
    private PublishItem Publish(bool persistent, params FieldValue?[] groups)
    {
        List<byte> records = [];
        var flags = persistent ? MessageFlags.Persistent : MessageFlags.None;
        foreach (var group in groups)
        {
            var properties = group is null ? [0, 0] : new BasicProperties { Headers = FieldTable.Of(("group", group.Value)) }.Encode();
            var record = new byte[MessageRecord.SizeOf(hasExpiry: false, 0, 1, properties.Length, _bodyLength)];
            BinaryPrimitives.WriteInt64LittleEndian(record.AsSpan(MessageRecord.WriteHead(record, flags, 0, 0, [], "k"u8, properties, _bodyLength)), _next++);
            records.AddRange(record);
        }

        return new PublishItem(new MessageBatch(records.ToArray(), groups.Length, flags), Resent: false);
    }
}
