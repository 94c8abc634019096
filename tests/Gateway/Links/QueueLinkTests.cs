using Granary.Core;
using Granary.Core.Links;
using Granary.Gateway.Links;
using Granary.Gateway.Tests.Fakes;
using Microsoft.Extensions.Logging.Abstractions;

namespace Granary.Gateway.Tests.Links;

public sealed class QueueLinkTests
{
    private readonly FakeClock _clock = new();
    private readonly ScriptedQueue _queue = new();
    private readonly FakeGrains _grains;
    private readonly FakePublisher _publisher = new();
    private readonly LinkSet _set;

    public QueueLinkTests()
    {
        _grains = new FakeGrains(_ => _queue);
        _set = new LinkSet(_grains.Factory, local: null, ConnectionId.New(), "/", _clock, NullLogger.Instance);
    }

    [Fact]
    public void Flush_BeforeTheQueueAnswered_SendsOnePacketAndGathersTheRest()
    {
        var link = _set.Open("q");
        Publish(link, "a", "b");
        Publish(link, "c");
        Publish(link, "d");

        var first = Assert.Single(_queue.Sent);
        Assert.Equal(1, first.Up.Number);
        Assert.Equal(0, first.Up.Epoch);
        Assert.Equal(_set.Connection, first.Up.Open!.Connection);
        Assert.Equal(["a b"], first.Published);

        first.Answer(1, first.Down(1, 1, 2, Opened(), Accepted(0)));

        Assert.Equal([1, 2], _queue.Numbers);
        Assert.Equal(7, _queue.Last.Up.Epoch);
        Assert.Equal(1, _queue.Last.Up.ReceivedThrough);
        Assert.Null(_queue.Last.Up.Open);
        Assert.Equal(["c", "d"], _queue.Last.Published);
        Assert.Equal(["a b: passed"], _publisher.Outcomes);
    }

    [Fact]
    public void Flush_Opened_SendsTwoPacketsAndGathersTheRest()
    {
        var link = Opened("q");
        for (var i = 0; i < 6; i++)
        {
            Publish(link, $"m{i}");
        }

        Assert.Equal([1, 2, 3], _queue.Numbers);
        _queue.Sent[1].Answer(2);

        Assert.Equal([1, 2, 3, 4], _queue.Numbers);
        Assert.Equal(["m2", "m3", "m4", "m5"], _queue.Last.Published);
    }

    [Fact]
    public void Publish_UntrackedNeighboursInOneArray_AreOneBatch()
    {
        var link = _set.Open("q");
        var all = Messages.Batch("a", "b", "c");
        var (head, tail) = all.Split(1);
        link.Publish(head, null);
        link.Publish(tail, null);
        link.Publish(Messages.Batch("d"), null);
        _set.Flush();

        Assert.Equal(["a b c", "d"], _queue.Last.Published);
        Assert.Equal(all.Records.Length + Messages.Batch("d").Records.Length, _set.Unaccepted);
        _queue.Last.Answer(1, _queue.Last.Down(1, 1, 4, Opened(), Accepted(0), Accepted(3)));
        Assert.Equal(0, _set.Unaccepted);
    }

    [Fact]
    public void Publish_UntrackedBeforeASettlement_KeepsTheOrder()
    {
        var link = Opened("q");
        link.Publish(Messages.Batch("a"), null);
        link.Settle(Settlement.Ack, [new OffsetRange(5, 1)]);
        link.Publish(Messages.Batch("b"), null);
        _set.Flush();

        Assert.Equal([typeof(PublishItem), typeof(SettleItem), typeof(PublishItem)], _queue.Last.Up.Items.Select(item => item.GetType()));
    }

    [Fact]
    public void Tick_CallFailed_SendsAllThatIsUnreceivedAgain()
    {
        var link = Opened("q");
        Publish(link, "a");
        Publish(link, "b");
        _queue.Sent[1].Fail();
        Assert.Equal([1, 2, 3], _queue.Numbers);

        Tick();
        Assert.Equal([1, 2, 3, 2, 3], _queue.Numbers);

        Tick();
        Assert.Equal(5, _queue.Sent.Count);
    }

    [Fact]
    public void Tick_NoAnswerForASecond_SendsAgain()
    {
        var link = _set.Open("q");
        Publish(link, "a");
        _clock.Advance(TimeSpan.FromSeconds(1));
        _set.Tick();
        Assert.Equal([1], _queue.Numbers);

        _clock.Advance(TimeSpan.FromMilliseconds(1));
        _set.Tick();
        Assert.Equal([1, 1], _queue.Numbers);
        Assert.NotNull(_queue.Last.Up.Open);
    }

    [Fact]
    public void CallFailed_AllWasReceivedByPushes_WhatGatheredIsSentAllTheSame()
    {
        var link = Opened("q");
        for (var i = 0; i < 3; i++)
        {
            Publish(link, $"m{i}");
        }

        Assert.Equal(3, _queue.Sent.Count);
        _queue.Sent[1].Fail();
        _queue.Sent[2].Fail();
        Push(_queue.Last.Down(2, 3, 2, Accepted(0), Accepted(1)));

        Assert.Equal(["m2"], _queue.Last.Published);
    }

    [Fact]
    public void Pushed_Reordered_AppliesByNumber()
    {
        var link = Opened("q");
        var consumer = Attached(link);
        var packet = _queue.Last;
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
        Push(_queue.Last.Down(3, 2, 0, Delivery(consumer, 0, "a")));
        Tick();

        Assert.Equal(0, _queue.Last.Up.Number);
        Assert.Equal(3, _queue.Last.Up.ReceivedThrough);
        Assert.Empty(_queue.Last.Up.Items);
        var count = _queue.Sent.Count;
        Tick();
        Assert.Equal(count, _queue.Sent.Count);
    }

    [Fact]
    public void Pushed_LowerEpoch_IsDropped()
    {
        var link = Opened("q");
        var consumer = Attached(link);
        var late = _queue.Last.Down(3, 2, 0, Delivery(consumer, 0, "a"));
        Push(new LinkDown { Link = late.Link, Epoch = 6, Number = 3, Items = late.Items });
        Assert.Equal(["attached"], consumer.Events);
    }

    [Fact]
    public void Answered_Refused_IsSaidAtTheWatermark()
    {
        var link = Opened("q");
        Publish(link, "a", "b", "c");
        _queue.Last.Answer(2, _queue.Last.Down(2, 2, 0, new PublishedItem(10, [1])));
        Assert.Empty(_publisher.Outcomes);
        Assert.Equal(0, _set.Unaccepted);

        Push(_queue.Last.Down(3, 2, 11));
        Assert.Empty(_publisher.Outcomes);
        Push(_queue.Last.Down(4, 2, 12));
        Assert.Equal(["a b c: passed, refused 1"], _publisher.Outcomes);
    }

    [Fact]
    public void Ended_NoQueue_WhatWasSentIsUnroutedAndTheRestGoesToANewLink()
    {
        var link = _set.Open("q");
        Publish(link, "a");
        Publish(link, "b");
        link.Publish(Messages.Batch("c"), null);
        var first = Assert.Single(_queue.Sent);

        first.Answer(0, first.Down(1, 0, 0, new EndedItem(LinkEnd.NoQueue)));

        Assert.True(link.IsEnded);
        Assert.Equal(["a: unrouted"], _publisher.Outcomes);
        Assert.Equal([1, 1], _queue.Numbers);
        Assert.NotEqual(first.Up.Link, _queue.Last.Up.Link);
        Assert.Equal(["b", "c"], _queue.Last.Published);

        _queue.Last.Answer(1, _queue.Last.Down(1, 1, 2, Opened(), Accepted(0), Accepted(1)));
        Assert.Equal(["a: unrouted", "b: passed"], _publisher.Outcomes);
        Assert.Equal(0, _set.Unaccepted);
    }

    [Fact]
    public void Ended_Deleted_CancelsConsumersAndAnswersEverything()
    {
        var link = Opened("q");
        var (consumer, waiting) = (Attached(link), new FakeConsumer("late"));
        Publish(link, "answered");
        _queue.Last.Answer(3, _queue.Last.Down(3, 3, 0, Accepted(0)));
        Publish(link, "unanswered");
        link.Attach(waiting, exclusive: false, prefetch: 0, shared: false, EncodedTable.Empty);
        GotItem? got = null;
        link.Get(noAck: false, item => got = item);
        var generation = _set.Generation;

        Push(_queue.Last.Down(4, 3, 0, new EndedItem(LinkEnd.Deleted)));

        Assert.Equal(["answered: passed", "unanswered: unrouted"], _publisher.Outcomes);
        Assert.Equal(["attached", "ended"], consumer.Events);
        Assert.Equal(["no queue 'q' in vhost '/'"], waiting.Events);
        Assert.Equal("no queue 'q' in vhost '/'", got!.Error!.Explanation);
        Assert.Equal(0, _set.Unaccepted);
        Assert.NotEqual(generation, _set.Generation);
        Assert.NotSame(link, _set.Open("q"));
    }

    [Fact]
    public void Lost_ByAnActivationOfAHigherEpoch_EndsAllWithoutAVerdictOnWhatIsNotSafe()
    {
        var link = Opened("q");
        var (consumer, waiting) = (Attached(link), new FakeConsumer("late"));
        Publish(link, "answered");
        _queue.Last.Answer(3, _queue.Last.Down(3, 3, 0, Accepted(0)));
        Publish(link, "unanswered");
        link.Attach(waiting, exclusive: false, prefetch: 0, shared: false, EncodedTable.Empty);
        GotItem? got = null;
        link.Get(noAck: false, item => got = item);
        var down = _queue.Last.Down(1, 0, 0, new EndedItem(LinkEnd.Lost));

        Push(new LinkDown { Link = down.Link, Epoch = down.Epoch + 1, Number = 1, Items = down.Items });

        Assert.Equal(["answered: lost", "unanswered: lost"], _publisher.Outcomes);
        Assert.Equal(["attached", "ended"], consumer.Events);
        Assert.Equal(["home node 'another' of durable queue 'q' in vhost '/' is down or inaccessible"], waiting.Events);
        Assert.Equal("home node 'another' of durable queue 'q' in vhost '/' is down or inaccessible", got!.Error!.Explanation);
        Assert.Equal((0, 0), (_set.Unaccepted, _set.Unpassed));
        Assert.NotSame(link, _set.Open("q"));
    }

    [Fact]
    public void Publish_OnALinkThatHasEnded_GoesToTheOneThatFollows()
    {
        var link = Opened("q");
        Push(_queue.Last.Down(2, 1, 0, new EndedItem(LinkEnd.Deleted)));
        Publish(link, "a");

        Assert.Equal(["a"], _queue.Last.Published);
        Assert.NotEqual(link.Id, _queue.Last.Up.Link);
        _queue.Last.Answer(1, _queue.Last.Down(1, 1, 1, Opened(), Accepted(0)));
        Assert.Equal(["a: passed"], _publisher.Outcomes);
        Assert.Equal(0, _set.Unaccepted);
    }

    [Fact]
    public void Tick_IdleForAMinute_ClosesTheLink()
    {
        var link = Opened("q");
        Tick();
        _clock.Advance(TimeSpan.FromSeconds(60));
        Tick(1);
        Assert.IsType<CloseItem>(Assert.Single(_queue.Last.Up.Items));
        _queue.Last.Answer(2, _queue.Last.Down(2, 2, 0, new ClosedItem()));

        Assert.True(link.IsEnded);
        Assert.NotSame(link, _set.Open("q"));
    }

    [Fact]
    public void Tick_IdleButHoldingSomething_KeepsTheLink()
    {
        var consuming = Opened("q");
        var consumer = Attached(consuming);
        _clock.Advance(TimeSpan.FromMinutes(2));
        Tick();
        Assert.DoesNotContain(_queue.Sent, sent => sent.Up.Items.OfType<CloseItem>().Any());

        Push(_queue.Last.Down(3, 2, 0, Delivery(consumer, 0, "a")));
        consuming.Detach(consumer);
        _set.Flush();
        _queue.Last.Answer(3, _queue.Last.Down(4, 3, 0, new DetachedItem(consumer.Id)));
        _clock.Advance(TimeSpan.FromMinutes(2));
        Tick();
        Assert.DoesNotContain(_queue.Sent, sent => sent.Up.Items.OfType<CloseItem>().Any());

        consuming.Settle(Settlement.Ack, [new OffsetRange(0, 1)]);
        _set.Flush();
        _queue.Last.Answer(4, _queue.Last.Down(5, 4, 1));
        _clock.Advance(TimeSpan.FromMinutes(2));
        Tick();
        Tick();
        Assert.Contains(_queue.Sent, sent => sent.Up.Items.OfType<CloseItem>().Any());
    }

    [Fact]
    public void Publish_WhileTheIdleLinkCloses_GoesToANewOne()
    {
        var link = Opened("q");
        Tick();
        _clock.Advance(TimeSpan.FromMinutes(2));
        Tick();
        var close = _queue.Last;
        Assert.IsType<CloseItem>(Assert.Single(close.Up.Items));

        Publish(link, "held");
        Publish(_set.Open("q"), "looked up");
        Assert.NotEqual(link.Id, _queue.Last.Up.Link);
        Assert.Equal(["held"], _queue.Last.Published);
        close.Answer(2, close.Down(2, 2, 0, new ClosedItem()));
        _queue.Last.Answer(1, _queue.Last.Down(1, 1, 1, Opened(), Accepted(0)));
        Assert.Equal(["looked up"], _queue.Last.Published);
        _queue.Last.Answer(2, _queue.Last.Down(2, 2, 2, Accepted(1)));

        Assert.Equal(["held: passed", "looked up: passed"], _publisher.Outcomes);
        Assert.Equal(0, _set.Unaccepted);
    }

    [Fact]
    public void Get_WithoutAcknowledgement_HoldsNothing()
    {
        var link = Opened("q");
        var got = new List<GotItem>();
        link.Get(noAck: true, got.Add);
        link.Get(noAck: false, got.Add);
        _set.Flush();
        _queue.Last.Answer(2, _queue.Last.Down(
            2, 2, 0, new GotItem(1, Messages.Slice(0, "a"), 1, null), new GotItem(2, Messages.Slice(1, "b"), 0, null)));

        Assert.Equal(["a", "b"], got.SelectMany(item => Messages.Bodies(item.Message!.Value.Batch)));
        Assert.Equal(1, link.Unsettled);
    }

    [Fact]
    public void Drain_CompletesWhenEverythingWasAnswered()
    {
        var link = Opened("q");
        Publish(link, "a");
        var drained = _set.DrainAsync("q");
        Assert.False(drained.IsCompleted);
        Assert.True(_set.DrainAsync("other").IsCompletedSuccessfully);

        _queue.Last.Answer(2);
        Assert.False(drained.IsCompleted);
        Push(_queue.Last.Down(2, 2, 1, Accepted(0)));
        Assert.True(SpinWait.SpinUntil(() => drained.IsCompletedSuccessfully, TimeSpan.FromSeconds(20)));
    }

    [Fact]
    public async Task Close_QueueKnowsTheLink_SendsCloseAndWaits()
    {
        Opened("q");
        var closing = _set.CloseAsync();
        Assert.False(closing.IsCompleted);
        Assert.Equal(1, _grains.Observers);
        _queue.Last.Answer(2, _queue.Last.Down(2, 2, 0, new ClosedItem()));
        await closing.WaitAsync(TimeSpan.FromSeconds(20));
        Assert.Equal(0, _grains.Observers);
    }

    [Fact]
    public void Close_NothingWasSent_TellsNobody()
    {
        _set.Open("q");
        Assert.True(_set.CloseAsync().IsCompletedSuccessfully);
        Assert.Empty(_queue.Sent);
    }

    [Fact]
    public async Task Close_UnsentPublishesMoveToANewLink_ClosesThatToo()
    {
        var link = _set.Open("q");
        Publish(link, "a");
        Publish(link, "b");
        var closing = _set.CloseAsync();
        var first = Assert.Single(_queue.Sent);
        first.Answer(0, first.Down(1, 0, 0, new EndedItem(LinkEnd.NoQueue)));
        Assert.Equal(["b"], _queue.Last.Published);
        var second = _queue.Last;
        second.Answer(1, second.Down(1, 1, 1, Opened(), Accepted(0)));

        Assert.True(SpinWait.SpinUntil(() => _queue.Sent.Count == 3, TimeSpan.FromSeconds(20)), "The new link was not closed.");
        Assert.IsType<CloseItem>(Assert.Single(_queue.Last.Up.Items));
        Assert.False(closing.IsCompleted);
        _queue.Last.Answer(2, _queue.Last.Down(2, 2, 1, new ClosedItem()));
        await closing.WaitAsync(TimeSpan.FromSeconds(20));
        Assert.Equal(["a: unrouted", "b: passed"], _publisher.Outcomes);
    }

    [Fact]
    public void WaitForRoom_ManyUnaccepted_CompletesWhenTheQueueTookThem()
    {
        var link = Opened("q");
        Publish(link, new string('a', 1000));
        Assert.True(_set.WaitForRoomAsync(new PublishLimits(2000, 2000)).IsCompletedSuccessfully);
        var room = _set.WaitForRoomAsync(new PublishLimits(500, 2000));
        Assert.False(room.IsCompleted);
        _queue.Last.Answer(2, _queue.Last.Down(2, 2, 0, Accepted(0)));
        Assert.True(room.IsCompletedSuccessfully);
    }

    [Fact]
    public void WaitForRoom_ManyAcceptedAndNotPassed_CompletesWithTheWatermark()
    {
        var link = Opened("q");
        Publish(link, new string('a', 1000));
        Publish(link, new string('b', 1000));
        _queue.Last.Answer(3, _queue.Last.Down(2, 3, 0, Accepted(0), Accepted(1)));
        Assert.Equal(0, _set.Unaccepted);
        Assert.True(_set.Unpassed > 2000);
        Assert.True(_set.WaitForRoomAsync(new PublishLimits(0, 3000)).IsCompletedSuccessfully);
        var room = _set.WaitForRoomAsync(new PublishLimits(0, 1500));
        Assert.False(room.IsCompleted);

        _set.ReceiveAsync(_queue.Last.Down(3, 3, 1));
        Assert.True(room.IsCompletedSuccessfully);
        _set.ReceiveAsync(_queue.Last.Down(4, 3, 2));
        Assert.Equal(0, _set.Unpassed);
    }

    [Fact]
    public void Written_HalfTheWindow_RenewsIt()
    {
        var link = Opened("q");
        var consumer = Attached(link);
        var window = _queue.Sent.SelectMany(sent => sent.Up.Items).OfType<AttachItem>().Single().Window;
        consumer.Written((int)(window.Messages / 2), 100);
        _set.Flush();
        Assert.Equal(2, _queue.Sent.Count);

        consumer.Written(1, 100);
        _set.Flush();
        var renewed = Assert.IsType<WindowItem>(Assert.Single(_queue.Last.Up.Items));
        Assert.Equal(new Window(window.Messages + (window.Messages / 2) + 1, window.Bytes + 200), renewed.Window);
    }

    private QueueLink Opened(string name)
    {
        var link = _set.Open(name);
        link.Enqueue(new SettleItem(Settlement.Ack, [new OffsetRange(0, 1)]));
        _set.Flush();
        _queue.Last.Answer(1, _queue.Last.Down(1, 1, 0, Opened()));
        return link;
    }

    private FakeConsumer Attached(QueueLink link)
    {
        var consumer = new FakeConsumer();
        link.Attach(consumer, exclusive: false, prefetch: 0, shared: false, EncodedTable.Empty);
        _set.Flush();
        _queue.Last.Answer(2, _queue.Last.Down(2, 2, 0, new AttachedItem(consumer.Id, null)));
        return consumer;
    }

    private void Publish(QueueLink link, params string[] bodies)
    {
        _publisher.Publish(link, bodies);
        _set.Flush();
    }

    private void Push(LinkDown down) => Assert.True(_set.ReceiveAsync(down).IsCompletedSuccessfully);

    private void Tick(int milliseconds = 250)
    {
        _clock.Advance(TimeSpan.FromMilliseconds(milliseconds));
        _set.Tick();
    }

    private static OpenedItem Opened() => new(Guid.NewGuid());

    private static PublishedItem Accepted(long firstOffset) => new(firstOffset, null);

    private static DeliveryItem Delivery(FakeConsumer consumer, long firstOffset, params string[] bodies) =>
        new(consumer.Id, [Messages.Slice(firstOffset, bodies)]);
}
