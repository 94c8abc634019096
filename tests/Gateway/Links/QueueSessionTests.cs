using Granary.Core.Links;
using Granary.Gateway.Tests.Fakes;

namespace Granary.Gateway.Tests.Links;

public sealed class QueueSessionTests : LinkTests
{
    [Fact]
    public void Flush_BeforeTheQueueAnswered_SendsOnePacketAndGathersTheRest()
    {
        var link = Set.Open("q");
        Publish(link, "a", "b");
        Publish(link, "c");
        Publish(link, "d");

        var first = Assert.Single(Queue.Sent);
        Assert.Equal(1, first.Up.Number);
        Assert.Equal(0, first.Up.Epoch);
        Assert.Equal(Set.Connection, first.Up.Open!.Connection);
        Assert.Equal(["a b"], first.Published);

        first.Answer(1, first.Down(1, 1, 2, Opened(), Accepted(0)));

        Assert.Equal([1, 2], Queue.Numbers);
        Assert.Equal(7, Queue.Last.Up.Epoch);
        Assert.Equal(1, Queue.Last.Up.ReceivedThrough);
        Assert.Null(Queue.Last.Up.Open);
        Assert.Equal(["c", "d"], Queue.Last.Published);
        Assert.Equal(["a b: passed"], Publisher.Outcomes);
    }

    [Fact]
    public void Flush_Opened_SendsTwoPacketsAndGathersTheRest()
    {
        var link = Opened("q");
        for (var i = 0; i < 6; i++)
        {
            Publish(link, $"m{i}");
        }

        Assert.Equal([1, 2, 3], Queue.Numbers);
        Queue.Sent[1].Answer(2);

        Assert.Equal([1, 2, 3, 4], Queue.Numbers);
        Assert.Equal(["m2", "m3", "m4", "m5"], Queue.Last.Published);
    }

    [Fact]
    public void Publish_UntrackedNeighboursInOneArray_AreOneBatch()
    {
        var link = Set.Open("q");
        var all = Messages.Batch("a", "b", "c");
        var (head, tail) = all.Split(1);
        link.Publish(head, null);
        link.Publish(tail, null);
        link.Publish(Messages.Batch("d"), null);
        Set.Flush();

        Assert.Equal(["a b c", "d"], Queue.Last.Published);
        Assert.Equal(all.Records.Length + Messages.Batch("d").Records.Length, Set.Unaccepted);
        Queue.Last.Answer(1, Queue.Last.Down(1, 1, 4, Opened(), Accepted(0), Accepted(3)));
        Assert.Equal(0, Set.Unaccepted);
    }

    [Fact]
    public void Publish_UntrackedBeforeASettlement_KeepsTheOrder()
    {
        var link = Opened("q");
        link.Publish(Messages.Batch("a"), null);
        link.Settle(Settlement.Ack, [new OffsetRange(5, 1)]);
        link.Publish(Messages.Batch("b"), null);
        Set.Flush();

        Assert.Equal([typeof(PublishItem), typeof(SettleItem), typeof(PublishItem)], Queue.Last.Up.Items.Select(item => item.GetType()));
    }

    [Fact]
    public void Tick_CallFailed_SendsAllThatIsUnreceivedAgain()
    {
        var link = Opened("q");
        Publish(link, "a");
        Publish(link, "b");
        Queue.Sent[1].Fail();
        Assert.Equal([1, 2, 3], Queue.Numbers);

        Tick();
        Assert.Equal([1, 2, 3, 2, 3], Queue.Numbers);

        Tick();
        Assert.Equal(5, Queue.Sent.Count);
    }

    [Fact]
    public void Tick_NoAnswerForASecond_SendsAgain()
    {
        var link = Set.Open("q");
        Publish(link, "a");
        Clock.Advance(TimeSpan.FromSeconds(1));
        Set.Tick();
        Assert.Equal([1], Queue.Numbers);

        Clock.Advance(TimeSpan.FromMilliseconds(1));
        Set.Tick();
        Assert.Equal([1, 1], Queue.Numbers);
        Assert.NotNull(Queue.Last.Up.Open);
    }

    [Fact]
    public void CallFailed_AllWasReceivedByPushes_WhatGatheredIsSentAllTheSame()
    {
        var link = Opened("q");
        for (var i = 0; i < 3; i++)
        {
            Publish(link, $"m{i}");
        }

        Assert.Equal(3, Queue.Sent.Count);
        Queue.Sent[1].Fail();
        Queue.Sent[2].Fail();
        Push(Queue.Last.Down(2, 3, 2, Accepted(0), Accepted(1)));

        Assert.Equal(["m2"], Queue.Last.Published);
    }

    [Fact]
    public void Pushed_Reordered_AppliesByNumber()
    {
        var link = Opened("q");
        var consumer = Attached(link);
        var packet = Queue.Last;
        Push(packet.Down(5, 2, 0, Delivery(consumer, 2, "c")));
        Push(packet.Down(4, 2, 0, Delivery(consumer, 1, "b")));
        Push(packet.Down(5, 2, 0, Delivery(consumer, 2, "c")));
        Assert.Equal(["attached"], consumer.Events);

        Push(packet.Down(3, 2, 0, Delivery(consumer, 0, "a")));
        Push(packet.Down(3, 2, 0, Delivery(consumer, 0, "a")));

        Assert.Equal(["attached", "0: a", "1: b", "2: c"], consumer.Events);
        Assert.Equal(3, link.Unsettled);
    }

    [Fact]
    public void Tick_DownsCameByPush_SaysSoOutsideTheStream()
    {
        var link = Opened("q");
        var consumer = Attached(link);
        Push(Queue.Last.Down(3, 2, 0, Delivery(consumer, 0, "a")));
        Tick();

        Assert.Equal(0, Queue.Last.Up.Number);
        Assert.Equal(3, Queue.Last.Up.ReceivedThrough);
        Assert.Empty(Queue.Last.Up.Items);
        var count = Queue.Sent.Count;
        Tick();
        Assert.Equal(count, Queue.Sent.Count);
    }

    [Fact]
    public void Pushed_CannotBeTaken_EndsTheSession()
    {
        Watched.Expect(1221, 1004);
        var link = Opened("q");
        var consumer = Attached(link);

        Push(new LinkDown { Link = link.LinkId, Epoch = 7, Number = 3, Items = [null!] });

        Assert.True(link.IsEnded);
        Assert.Equal(["attached", "ended"], consumer.Events);
    }

    [Fact]
    public void Pushed_LowerEpoch_IsDropped()
    {
        var link = Opened("q");
        var consumer = Attached(link);
        var late = Queue.Last.Down(3, 2, 0, Delivery(consumer, 0, "a"));
        Push(new LinkDown { Link = late.Link, Epoch = 6, Number = 3, Items = late.Items });
        Assert.Equal(["attached"], consumer.Events);
    }

    [Fact]
    public void Answered_Refused_IsSaidAtTheWatermark()
    {
        var link = Opened("q");
        Publish(link, "a", "b", "c");
        Queue.Last.Answer(2, Queue.Last.Down(2, 2, 0, new PublishedItem(10, [1])));
        Assert.Empty(Publisher.Outcomes);
        Assert.Equal(0, Set.Unaccepted);

        Push(Queue.Last.Down(3, 2, 11));
        Assert.Empty(Publisher.Outcomes);
        Push(Queue.Last.Down(4, 2, 12));
        Assert.Equal(["a b c: passed, refused 1"], Publisher.Outcomes);
    }

    [Fact]
    public void Get_WithoutAcknowledgement_HoldsNothing()
    {
        var link = Opened("q");
        var got = new List<GotItem>();
        link.Get(noAck: true, (_, item) => got.Add(item));
        link.Get(noAck: false, (_, item) => got.Add(item));
        Set.Flush();
        Queue.Last.Answer(2, Queue.Last.Down(
            2, 2, 0, new GotItem(1, Messages.Slice(0, "a"), 1, null), new GotItem(2, Messages.Slice(1, "b"), 0, null)));

        Assert.Equal(["a", "b"], got.SelectMany(item => Messages.Bodies(item.Message!.Value.Batch)));
        Assert.Equal(1, link.Unsettled);
    }

    [Fact]
    public void Drain_CompletesWhenEverythingWasAnswered()
    {
        var link = Opened("q");
        Publish(link, "a");
        var drained = Set.DrainAsync("q");
        Assert.False(drained.IsCompleted);
        Assert.True(Set.DrainAsync("other").IsCompletedSuccessfully);

        Queue.Last.Answer(2);
        Assert.False(drained.IsCompleted);
        Push(Queue.Last.Down(2, 2, 1, Accepted(0)));
        Assert.True(SpinWait.SpinUntil(() => drained.IsCompletedSuccessfully, TimeSpan.FromSeconds(20)));
    }

    [Fact]
    public void WaitForRoom_ManyUnaccepted_CompletesWhenTheQueueTookThem()
    {
        var link = Opened("q");
        Publish(link, new string('a', 1000));
        Assert.True(Set.WaitForRoomAsync(new PublishLimits(2000, 2000)).IsCompletedSuccessfully);
        var room = Set.WaitForRoomAsync(new PublishLimits(500, 2000));
        Assert.False(room.IsCompleted);
        Queue.Last.Answer(2, Queue.Last.Down(2, 2, 0, Accepted(0)));
        Assert.True(room.IsCompletedSuccessfully);
    }

    [Fact]
    public void WaitForRoom_ManyAcceptedAndNotPassed_CompletesWithTheWatermark()
    {
        var link = Opened("q");
        Publish(link, new string('a', 1000));
        Publish(link, new string('b', 1000));
        Queue.Last.Answer(3, Queue.Last.Down(2, 3, 0, Accepted(0), Accepted(1)));
        Assert.Equal(0, Set.Unaccepted);
        Assert.True(Set.Unpassed > 2000);
        Assert.True(Set.WaitForRoomAsync(new PublishLimits(0, 3000)).IsCompletedSuccessfully);
        var room = Set.WaitForRoomAsync(new PublishLimits(0, 1500));
        Assert.False(room.IsCompleted);

        Set.ReceiveAsync(Queue.Last.Down(3, 3, 1));
        Assert.True(room.IsCompletedSuccessfully);
        Set.ReceiveAsync(Queue.Last.Down(4, 3, 2));
        Assert.Equal(0, Set.Unpassed);
    }

    [Fact]
    public void Written_HalfTheWindow_RenewsIt()
    {
        var link = Opened("q");
        var consumer = Attached(link);
        var window = Queue.Sent.SelectMany(sent => sent.Up.Items).OfType<AttachItem>().Single().Window;
        consumer.Written((int)(window.Messages / 2), 100);
        Set.Flush();
        Assert.Equal(2, Queue.Sent.Count);

        consumer.Written(1, 100);
        Set.Flush();
        var renewed = Assert.IsType<WindowItem>(Assert.Single(Queue.Last.Up.Items));
        Assert.Equal(new Window(window.Messages + (window.Messages / 2) + 1, window.Bytes + 200), renewed.Window);
    }
}
