using System.Runtime.InteropServices;
using Granary.Core.Links;

namespace Granary.Silo.Tests.Queues;

public sealed class QueueDeliveryTests
{
    private readonly TestGateway _gateway = new TestGateway().Declare();

    [Fact]
    public void Publish_IsAnsweredWithItsFirstOffsetAndTheWatermarkBehindIt()
    {
        var link = _gateway.Open();
        Assert.Equal(new PublishedItem(0, null), Assert.Single(link.Publish(0, 3)));
        Assert.Equal(3, link.Watermark);
        Assert.Equal(new PublishedItem(3, null), Assert.Single(link.Publish(3, 2)));
        Assert.Equal(5, link.Watermark);
        Assert.Equal(5, _gateway.Queue.ReadyCount);
    }

    [Fact]
    public void Publish_ToOneConsumer_PassesTheBatchAsItIs()
    {
        var consumer = _gateway.Open();
        consumer.Attach(1, noAck: true);
        var batch = Batches.Of(0, 100);
        _gateway.Open().Send(new PublishItem(batch, false));
        var slice = Assert.Single(Assert.IsType<DeliveryItem>(consumer.Items[^1]).Slices);
        Assert.Equal(batch, slice.Batch);
        Assert.Equal(0, slice.FirstOffset);
        Assert.False(slice.Redelivered);
    }

    [Fact]
    public void Publish_OfAResentBatch_IsDeliveredAsRedelivered()
    {
        var link = _gateway.Open();
        link.Attach(1, noAck: true);
        Assert.Equal([(5L, true)], TestLink.Given(link.Send(new PublishItem(Batches.Of(5, 1), Resent: true)), 1));
    }

    [Fact]
    public void Prefetch_LimitsUnsettledDeliveries_AndGrowsWithEachSettlement()
    {
        var link = _gateway.Open();
        link.Attach(1, prefetch: 3);
        link.Publish(0, 10);
        Assert.Equal([0, 1, 2], link.GivenIds(1));
        Assert.Equal([(3L, false), (4L, false)], TestLink.Given(link.Settle(Settlement.Ack, (0, 1), (2, 1)), 1));
        Assert.Empty(link.Settle(Settlement.Ack, (0, 1), (7, 100)));
        Assert.Equal([(5L, false)], TestLink.Given(link.Settle(Settlement.Reject, (1, 1)), 1));
    }

    [Fact]
    public void NoAckConsumer_IgnoresPrefetch()
    {
        var link = _gateway.Open();
        link.Attach(1, noAck: true, prefetch: 1);
        link.Publish(0, 10);
        Assert.Equal(10, link.GivenIds(1).Length);
    }

    [Fact]
    public void Prefetch_Replaced_CountsWhatIsUnacknowledged()
    {
        var link = _gateway.Open();
        link.Attach(1, prefetch: 2);
        link.Publish(0, 10);
        Assert.Equal([0, 1], link.GivenIds(1));
        link.Send(new PrefetchItem(1, 3));
        Assert.Equal([0, 1, 2], link.GivenIds(1));
        link.Send(new PrefetchItem(1, 1));
        link.Settle(Settlement.Ack, (0, 2));
        Assert.Equal([0, 1, 2], link.GivenIds(1));
        link.Send(new PrefetchItem(1, 0));
        Assert.Equal(10, link.GivenIds(1).Length);
    }

    [Fact]
    public void Window_LimitsMessagesInAll()
    {
        var link = _gateway.Open();
        link.Attach(1, noAck: true, messages: 4);
        link.Publish(0, 10);
        Assert.Equal([0, 1, 2, 3], link.GivenIds(1));
        link.Send(new WindowItem(1, new Window(3, 1L << 40)));
        Assert.Equal(4, link.GivenIds(1).Length);
        link.Send(new WindowItem(1, new Window(6, 1L << 40)));
        Assert.Equal([0, 1, 2, 3, 4, 5], link.GivenIds(1));
    }

    [Theory]
    [InlineData(0, 0)]
    [InlineData(1, 1)]
    [InlineData(23, 1)]
    [InlineData(24, 2)]
    [InlineData(46, 2)]
    [InlineData(1000, 10)]
    public void Window_OfBytes_IsExceededByLessThanOneRecord(long bytes, int expected)
    {
        var link = _gateway.Open();
        link.Attach(1, noAck: true, bytes: bytes);
        link.Publish(0, 10);
        Assert.Equal(23, Batches.Of(0, 1).Records.Length);
        Assert.Equal(expected, link.GivenIds(1).Length);
    }

    [Fact]
    public void Consumers_TakeTurnsMessageByMessage_AlsoInsideABatch()
    {
        var link = _gateway.Open();
        link.Attach(1, noAck: true);
        link.Attach(2, noAck: true, messages: 2);
        link.Attach(3, noAck: true);
        link.Publish(0, 8);
        Assert.Equal([0, 3, 6], link.GivenIds(1));
        Assert.Equal([1, 4], link.GivenIds(2));
        Assert.Equal([2, 5, 7], link.GivenIds(3));
        link.Publish(8, 1);
        Assert.Equal([0, 3, 6, 8], link.GivenIds(1));
    }

    [Fact]
    public void Requeue_GoesBackToItsPlace_AndIsRedelivered()
    {
        var link = _gateway.Open();
        link.Attach(1, prefetch: 5);
        link.Publish(0, 8);
        link.Settle(Settlement.Undelivered, (3, 2));
        var given = TestLink.Given(link.Settle(Settlement.Requeue, (1, 1)), 1);
        Assert.Equal([(0L, false), (1L, false), (2L, false), (3L, false), (4L, false), (3L, false), (4L, false), (1L, true)], TestLink.Given(link.Items, 1));
        Assert.Equal([(1L, true)], given);
    }

    [Fact]
    public void Requeue_ThatWasRedelivered_StaysRedeliveredWhenUndelivered()
    {
        var link = _gateway.Open();
        link.Attach(1, prefetch: 1);
        link.Publish(0, 1);
        link.Settle(Settlement.Requeue, (0, 1));
        Assert.Equal([(0L, true)], TestLink.Given(link.Settle(Settlement.Undelivered, (0, 1)), 1));
    }

    [Fact]
    public void Close_RequeuesWhatIsOut_AndOthersGetItInOrder()
    {
        var first = _gateway.Open();
        first.Attach(1);
        first.Publish(0, 5);
        first.Settle(Settlement.Ack, (2, 1));
        var second = _gateway.Open();
        second.Attach(1);
        second.Publish(5, 1);
        Assert.Equal(new ClosedItem(), first.Send(new CloseItem())[^1]);
        Assert.Equal([(1L, true), (3L, true)], TestLink.Given(second.Items, 1).Where(given => given.Id is 1 or 3).ToArray());
        Assert.Equal(0, _gateway.Queue.ReadyCount);
    }

    [Fact]
    public void Detach_LeavesDeliveriesOut_AndStopsNewOnes()
    {
        var link = _gateway.Open();
        link.Attach(1);
        link.Publish(0, 2);
        Assert.Equal(new DetachedItem(1), Assert.Single(link.Send(new DetachItem(1))));
        link.Publish(2, 1);
        Assert.Equal([0, 1], link.GivenIds(1));
        Assert.Equal(1, _gateway.Queue.ReadyCount);
        link.Settle(Settlement.Requeue, (0, 2));
        Assert.Equal(3, _gateway.Queue.ReadyCount);
    }

    [Fact]
    public void Get_TakesOneMessage_AndCountsTheRest()
    {
        var link = _gateway.Open();
        link.Publish(0, 3);
        var got = Assert.IsType<GotItem>(Assert.Single(link.Send(new GetItem(9, NoAck: false))));
        Assert.Equal(9, got.Request);
        Assert.Equal(2, got.MessageCount);
        Assert.Equal([0L], Batches.Ids(got.Message!.Value));
        link.Send(new GetItem(10, NoAck: true));
        link.Settle(Settlement.Requeue, (0, 2));
        Assert.Equal(2, _gateway.Queue.ReadyCount);
        Assert.True(Assert.IsType<GotItem>(link.Send(new GetItem(11, NoAck: true))[0]).Message!.Value.Redelivered);
        link.Send(new GetItem(12, NoAck: true));
        Assert.Equal(new GotItem(13, null, 0, null), Assert.Single(link.Send(new GetItem(13, NoAck: true))));
    }

    [Fact]
    public void Purge_RemovesReadyMessagesOnly()
    {
        var link = _gateway.Open();
        link.Attach(1, prefetch: 2);
        link.Publish(0, 10);
        Assert.Equal(8, _gateway.Slot.Purge(_gateway.Connection, 0).Messages);
        link.Settle(Settlement.Requeue, (0, 2));
        Assert.Equal([0, 1, 0, 1], link.GivenIds(1));
    }

    [Fact]
    public void SharedLimit_IsAskedForOnce_LentAndGivenBack()
    {
        var link = _gateway.Open();
        link.Attach(1, shared: true);
        Assert.Equal(new ReadyItem(1), link.Publish(0, 3)[^1]);
        Assert.IsType<PublishedItem>(Assert.Single(link.Publish(3, 1)));
        var items = link.Send(new LendItem(1, 2));
        Assert.Equal([(0L, false), (1L, false)], TestLink.Given(items, 1));
        Assert.Equal(new ReadyItem(1), items[^1]);
        items = link.Send(new LendItem(1, 5));
        Assert.Equal([(2L, false), (3L, false)], TestLink.Given(items, 1));
        Assert.Equal(new UnusedItem(1, 3), items[^1]);
        Assert.Equal(new ReadyItem(1), link.Publish(4, 1)[^1]);
    }

    [Fact]
    public void ConsumersUnderSharedLimits_ThatCouldTakeMore_TakeTurns()
    {
        var link = _gateway.Open();
        link.Attach(1, shared: true);
        link.Attach(2, shared: true);
        link.Attach(3, shared: true);
        for (var message = 0; message < 9; message++)
        {
            foreach (var ready in link.Publish(message, 1).OfType<ReadyItem>().ToArray())
            {
                link.Send(new LendItem(ready.Consumer, 4));
            }
        }

        Assert.Equal([0, 3, 6], link.GivenIds(1));
        Assert.Equal([1, 4, 7], link.GivenIds(2));
        Assert.Equal([2, 5, 8], link.GivenIds(3));
    }

    [Fact]
    public void SharedLimit_WithoutAWindow_IsNotAskedFor()
    {
        var link = _gateway.Open();
        link.Attach(1, shared: true, messages: 1);
        link.Publish(0, 2);
        Assert.DoesNotContain(new ReadyItem(1), link.Send(new LendItem(1, 2)));
        Assert.Equal(new ReadyItem(1), Assert.Single(link.Send(new WindowItem(1, new Window(2, 1L << 40)))));
    }

    [Fact]
    public void Loan_ToAConsumerThatIsGone_ComesBack()
    {
        var link = _gateway.Open();
        Assert.Equal(new UnusedItem(4, 7), Assert.Single(link.Send(new LendItem(4, 7))));
    }

    [Fact]
    public void SmallBatches_ThatStay_MoveIntoOneChunk()
    {
        var link = _gateway.Open();
        for (var i = 0; i < 2_000; i++)
        {
            link.Send(new PublishItem(Batches.InChunk(Batches.Of(i, 1)), false));
        }

        link.Attach(1, noAck: true);
        var slices = link.Items.OfType<DeliveryItem>().SelectMany(item => item.Slices).ToArray();
        Assert.InRange(slices.Length, 1, 3);
        var arrays = slices.Select(slice => MemoryMarshal.TryGetArray(slice.Batch.Records, out var segment) ? segment.Array! : []).Distinct();
        Assert.InRange(arrays.Sum(array => array.Length), 2_000 * 23, 2 * 2_000 * 23);
        Assert.Equal(Enumerable.Range(0, 2_000).Select(i => (long)i), link.GivenIds(1));
    }

    [Fact]
    public void Tidy_CopiesAForgottenMessageOutOfItsChunk()
    {
        var link = _gateway.Open();
        link.Attach(1);
        link.Send(new PublishItem(Batches.InChunk(Batches.Of(0, 2_000)), false));
        link.Settle(Settlement.Ack, (0, 1_000), (1_001, 999));
        Assert.True(_gateway.Queue.NeedsTidy);
        _gateway.Queue.Tidy(_gateway.Now + SparseAge);
        Assert.False(_gateway.Queue.NeedsTidy);
        link.Send(new DetachItem(1));
        link.Settle(Settlement.Requeue, (1_000, 1));
        var got = Assert.IsType<GotItem>(link.Send(new GetItem(1, NoAck: true))[0]).Message!.Value;
        Assert.Equal([1_000L], Batches.Ids(got));
        Assert.True(MemoryMarshal.TryGetArray(got.Batch.Records, out var segment));
        Assert.Equal(segment.Count, segment.Array!.Length);
    }

    private const long SparseAge = Silo.Queues.Messages.SparseMemory.AgeLimit;
}
