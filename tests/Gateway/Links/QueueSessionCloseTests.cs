using Granary.Core;
using Granary.Core.Links;
using Granary.Gateway.Tests.Fakes;

namespace Granary.Gateway.Tests.Links;

/// <summary>A session that is closed, or closes by itself since nobody uses it.</summary>
public sealed class QueueSessionCloseTests : LinkTests
{
    [Fact]
    public void Tick_IdleForAMinute_ClosesTheLink()
    {
        var link = Opened("q");
        Tick();
        Clock.Advance(TimeSpan.FromSeconds(60));
        Tick(1);
        Assert.IsType<CloseItem>(Assert.Single(Queue.Last.Up.Items));
        Queue.Last.Answer(2, Queue.Last.Down(2, 2, 0, new ClosedItem()));

        Assert.True(link.IsEnded);
        Assert.NotSame(link, Set.Open("q"));
    }

    [Fact]
    public void Tick_IdleButHoldingSomething_KeepsTheLink()
    {
        var consuming = Opened("q");
        var consumer = Attached(consuming);
        Clock.Advance(TimeSpan.FromMinutes(2));
        Tick();
        Assert.DoesNotContain(Queue.Sent, sent => sent.Up.Items.OfType<CloseItem>().Any());

        Push(Queue.Last.Down(3, 2, 0, Delivery(consumer, 0, "a")));
        consuming.Detach(consumer);
        Set.Flush();
        Queue.Last.Answer(3, Queue.Last.Down(4, 3, 0, new DetachedItem(consumer.Id)));
        Clock.Advance(TimeSpan.FromMinutes(2));
        Tick();
        Assert.DoesNotContain(Queue.Sent, sent => sent.Up.Items.OfType<CloseItem>().Any());

        consuming.Settle(Settlement.Ack, [new OffsetRange(0, 1)]);
        Set.Flush();
        Queue.Last.Answer(4, Queue.Last.Down(5, 4, 1));
        Clock.Advance(TimeSpan.FromMinutes(2));
        Tick();
        Tick();
        Assert.Contains(Queue.Sent, sent => sent.Up.Items.OfType<CloseItem>().Any());
    }

    [Fact]
    public void Publish_WhileTheIdleLinkCloses_GoesToANewOne()
    {
        var link = Opened("q");
        Tick();
        Clock.Advance(TimeSpan.FromMinutes(2));
        Tick();
        var close = Queue.Last;
        Assert.IsType<CloseItem>(Assert.Single(close.Up.Items));

        Publish(link, "held");
        Publish(Set.Open("q"), "looked up");
        Assert.NotEqual(link.LinkId, Queue.Last.Up.Link);
        Assert.Equal(["held"], Queue.Last.Published);
        close.Answer(2, close.Down(2, 2, 0, new ClosedItem()));
        Queue.Last.Answer(1, Queue.Last.Down(1, 1, 1, Opened(), Accepted(0)));
        Assert.Equal(["looked up"], Queue.Last.Published);
        Queue.Last.Answer(2, Queue.Last.Down(2, 2, 2, Accepted(1)));

        Assert.Equal(["held: passed", "looked up: passed"], Publisher.Outcomes);
        Assert.Equal(0, Set.Unaccepted);
    }

    [Fact]
    public async Task Close_QueueKnowsTheLink_SendsCloseAndWaits()
    {
        Opened("q");
        var closing = Set.CloseAsync();
        Assert.False(closing.IsCompleted);
        Assert.Equal(1, Grains.Observers);
        Queue.Last.Answer(2, Queue.Last.Down(2, 2, 0, new ClosedItem()));
        await closing.WaitAsync(TimeSpan.FromSeconds(20));
        Assert.Equal(0, Grains.Observers);
    }

    [Fact]
    public async Task Close_QueueDoesNotTakeTheFirstPacketForAMinute_IsToldThatNoMoreComesAndLeft()
    {
        Watched.Expect(1008);
        var link = Set.Open("q");
        link.Attach(new FakeConsumer(), exclusive: false, prefetch: 0, shared: false, EncodedTable.Empty);
        Set.Flush();
        var first = Assert.Single(Queue.Sent);

        // It waits for its store.
        first.Answer(0);
        var closing = Set.CloseAsync();
        Tick(60_000);
        Assert.DoesNotContain(Queue.Sent, sent => sent.Up.Number > 1);

        Tick();
        Assert.Equal((link.LinkId, 2L), (Queue.Last.Up.Link, Queue.Last.Up.Number));
        Assert.IsType<CloseItem>(Assert.Single(Queue.Last.Up.Items));
        Assert.False(closing.IsCompleted);
        Queue.Last.Fail();
        Tick();
        Assert.Equal([1L, 2L], Queue.Sent.TakeLast(2).Select(sent => sent.Up.Number));

        Tick(5_000);

        Assert.True(link.IsEnded);
        await closing.WaitAsync(TimeSpan.FromSeconds(20));
        Assert.Equal(0, Grains.Observers);
    }

    [Fact]
    public void Close_NothingWasSent_TellsNobody()
    {
        Set.Open("q");
        Assert.True(Set.CloseAsync().IsCompletedSuccessfully);
        Assert.Empty(Queue.Sent);
    }

    [Fact]
    public async Task Close_UnsentPublishesMoveToANewLink_ClosesThatToo()
    {
        var link = Set.Open("q");
        Publish(link, "a");
        Publish(link, "b");
        var closing = Set.CloseAsync();
        var first = Assert.Single(Queue.Sent);
        first.Answer(0, first.Down(1, 0, 0, new EndedItem(LinkEnd.NoQueue)));
        Assert.Equal(["b"], Queue.Last.Published);
        var second = Queue.Last;
        second.Answer(1, second.Down(1, 1, 1, Opened(), Accepted(0)));

        Assert.True(SpinWait.SpinUntil(() => Queue.Sent.Count == 3, TimeSpan.FromSeconds(20)), "The new link was not closed.");
        Assert.IsType<CloseItem>(Assert.Single(Queue.Last.Up.Items));
        Assert.False(closing.IsCompleted);
        Queue.Last.Answer(2, Queue.Last.Down(2, 2, 1, new ClosedItem()));
        await closing.WaitAsync(TimeSpan.FromSeconds(20));
        Assert.Equal(["a: unrouted", "b: passed"], Publisher.Outcomes);
    }

    [Fact]
    public void Closed_AllCallsAnswered_LetsTheQueueForgetTheLink()
    {
        var link = Opened("q");
        link.Close();
        Set.Flush();
        var close = Queue.Last;
        Push(close.Down(2, 2, 0, new ClosedItem()));
        Assert.True(link.IsEnded);
        Assert.Same(close, Queue.Last);

        close.Answer(2);

        Assert.True(Queue.Last.Up.IsLast);
        Assert.Equal((link.LinkId, 0, 2), (Queue.Last.Up.Link, Queue.Last.Up.Number, Queue.Last.Up.ReceivedThrough));
    }

    [Fact]
    public void Closed_AfterACallThatFailed_SaysNothing()
    {
        var link = Opened("q");
        link.Close();
        Set.Flush();
        Queue.Last.Fail();
        Push(Queue.Last.Down(2, 2, 0, new ClosedItem()));
        Assert.True(link.IsEnded);
        Assert.DoesNotContain(Queue.Sent, sent => sent.Up.IsLast);
    }
}
