using Granary.Amqp;
using Granary.Core;
using Granary.Core.Links;
using Granary.Core.Messages;
using Granary.Silo.DeadLetters;

namespace Granary.Silo.Tests.Queues;

/// <summary>x-max-length and x-max-length-bytes with each x-overflow: what is ready counts, what consumers hold does not.</summary>
public sealed class LengthLimitTests
{
    private readonly TestGateway _gateway = new();

    [Fact]
    public void DropHead_KeepsTheNewestAndDeadLettersTheRest()
    {
        Declare(("x-max-length", 3));
        var link = _gateway.Open();
        link.Publish(0, 2);
        Assert.Empty(_gateway.Slot.Dead);
        link.Publish(2, 5);
        Assert.Equal([0, 1, 2, 3], DeadIds());
        link.Attach(1);
        Assert.Equal([4, 5, 6], link.GivenIds(1));
    }

    [Fact]
    public void DropHead_DropsWhatComesBackFirst()
    {
        Declare(("x-max-length", 2));
        var link = _gateway.Open();
        link.Attach(1, prefetch: 3);
        link.Publish(0, 5);
        Assert.Equal([0, 1, 2], link.GivenIds(1));
        Assert.Empty(DeadIds());
        link.Send(new DetachItem(1), new SettleItem(Settlement.Requeue, [new OffsetRange(0, 3)]));
        Assert.Equal([0, 1, 2], DeadIds());
        Assert.Equal(2, _gateway.Queue.ReadyCount);
    }

    [Fact]
    public void DropHead_OfNoMessages_PassesThemToWhoeverCanTakeThemAtOnce()
    {
        Declare(("x-max-length", 0));
        var link = _gateway.Open();
        link.Publish(0, 2);
        link.Attach(1, prefetch: 2);
        link.Publish(2, 3);
        Assert.Equal([2, 3], link.GivenIds(1));
        Assert.Equal([0, 1, 4], DeadIds());
    }

    [Fact]
    public void Bytes_AreThoseOfBodies()
    {
        Declare(("x-max-length-bytes", 100));
        var link = _gateway.Open();
        link.Send(new PublishItem(Batches.Of(0, 4, bodyLength: _ => 25), false));
        Assert.Empty(DeadIds());
        link.Send(new PublishItem(Batches.Of(4, 1, bodyLength: _ => 30), false));
        Assert.Equal([0, 1], DeadIds());
        link.Send(new PublishItem(Batches.Of(5, 1, bodyLength: _ => 101), false));
        Assert.Equal([0, 1, 2, 3, 4, 5], DeadIds());
        Assert.Equal(0, _gateway.Queue.ReadyCount);
    }

    [Fact]
    public void RejectPublish_RefusesWhatIsTooMuch_AndTheOthersFollowEachOther()
    {
        Declare(("x-max-length-bytes", 100), ("x-overflow", "reject-publish"));
        var link = _gateway.Open();
        var items = link.Send(new PublishItem(Batches.Of(0, 5, bodyLength: id => id == 1 ? 90 : 40), false));
        var published = Assert.Single(items.OfType<PublishedItem>());
        Assert.Equal(0, published.FirstOffset);
        Assert.Equal([1, 3, 4], Refused(published));
        Assert.Equal(2, link.Watermark);
        Assert.Empty(_gateway.Slot.Dead);

        link.Attach(1);
        Assert.Equal([0, 2], link.GivenIds(1));
        Assert.Null(Assert.Single(link.Publish(9, 1).OfType<PublishedItem>()).Refused);
        Assert.Equal([0, 2, 9], link.GivenIds(1));
    }

    [Fact]
    public void RejectPublish_CountsNothingThatAConsumerCanTake()
    {
        Declare(("x-max-length", 2), ("x-overflow", "reject-publish"));
        var link = _gateway.Open();
        link.Attach(1, prefetch: 4);
        var published = Assert.Single(link.Publish(0, 10).OfType<PublishedItem>());
        Assert.Equal([6, 7, 8, 9], Refused(published));
        Assert.Equal([0, 1, 2, 3], link.GivenIds(1));

        // What comes back is never dropped here.
        link.Send(new DetachItem(1), new SettleItem(Settlement.Requeue, [new OffsetRange(0, 4)]));
        Assert.Equal(6, _gateway.Queue.ReadyCount);
    }

    [Fact]
    public void RejectPublishDlx_DeadLettersWhatItRefuses()
    {
        Declare(("x-max-length", 1), ("x-overflow", "reject-publish-dlx"));
        Assert.Equal([1, 2], Refused(Assert.Single(_gateway.Open().Publish(0, 3).OfType<PublishedItem>())));
        Assert.Equal([1, 2], DeadIds());
        Assert.Equal(1, _gateway.Queue.ReadyCount);
    }

    [Fact]
    public void RejectPublishDlx_OfMoreThanMayWaitInMemory_IsAnsweredWhenItIsSentOn()
    {
        Declare(("x-max-length", 1), ("x-overflow", "reject-publish-dlx"));
        var (link, other) = (_gateway.Open(), _gateway.Open());
        link.Publish(0, 1);
        for (var id = 1; id <= 3; id++)
        {
            Assert.Single(PublishLarge(link, id));
        }

        Assert.Empty(PublishLarge(link, 4));
        Assert.Empty(link.Publish(5, 1).OfType<PublishedItem>());
        Assert.Empty(PublishLarge(other, 6));

        // Where other queues' dead letters were refused, nobody waits: they might be waiting for each other.
        Assert.Single(PublishLarge(_gateway.Open(), 7, MessageFlags.DeadLettered));

        var drained = 0;
        _gateway.Queue.Refused.Drained = () => drained++;
        foreach (var dead in _gateway.Slot.Dead)
        {
            dead.Refused!.Remove(dead.Run.Length);
        }

        Assert.Equal(1, drained);
        _gateway.Slot.Advance(_gateway.Now);
        _gateway.DeliverPushes();
        Assert.Equal([0], Refused(link.Items.OfType<PublishedItem>().Last()));
        Assert.Equal([0], Refused(Assert.Single(other.Items.OfType<PublishedItem>())));
        Assert.Equal(6, link.Items.OfType<PublishedItem>().Count());
    }

    [Fact]
    public void RejectPublishDlx_OfALargeMessage_KeepsItThoughItsPublisherLetsGo()
    {
        Declare(("x-max-length", 0), ("x-overflow", "reject-publish-dlx"));
        var batch = Batches.Of(1, 1, bodyLength: _ => 100_000);
        var record = new LargeRecordPool().Take(batch.Records.Length);
        batch.Records.CopyTo(record.Memory);
        Assert.Single(_gateway.Open().Send(
            new PublishItem(new MessageBatch(record.Memory[..batch.Records.Length], batch.Count, batch.Flags), false)).OfType<PublishedItem>());

        record.LetGo();

        Assert.Equal([1], DeadIds());
    }

    private static PublishedItem[] PublishLarge(TestLink link, long id, MessageFlags flags = MessageFlags.None)
    {
        var batch = Batches.Of(id, 1, bodyLength: _ => 1024 * 1024);
        return [.. link.Send(new PublishItem(new MessageBatch(batch.Records, batch.Count, batch.Flags | flags), false)).OfType<PublishedItem>()];
    }

    private static int[] Refused(PublishedItem published) => published.Refused ?? [];

    private void Declare(params (string, FieldValue)[] arguments) =>
        _gateway.Declare(arguments: EncodedTable.From(FieldTable.Of([("x-dead-letter-exchange", "dlx"), .. arguments])));

    private long[] DeadIds()
    {
        Assert.All(_gateway.Slot.Dead, dead => Assert.Equal(DeathReason.MaxLength, dead.Reason));
        return [.. _gateway.Slot.Dead.SelectMany(dead => Batches.Ids(dead.Run.ToSlice()))];
    }
}
