using Granary.Core;
using Granary.Core.Links;
using Granary.Gateway.Tests.Fakes;

namespace Granary.Gateway.Tests.Links;

public sealed class QueueSessionEndTests : LinkTests
{
    [Fact]
    public void Ended_NoQueue_WhatWasSentIsUnroutedAndTheRestGoesToANewLink()
    {
        var link = Set.Open("q");
        Publish(link, "a");
        Publish(link, "b");
        link.Publish(Messages.Batch("c"), null);
        var first = Assert.Single(Queue.Sent);

        first.Answer(0, first.Down(1, 0, 0, new EndedItem(LinkEnd.NoQueue)));

        Assert.True(link.IsEnded);
        Assert.Equal(["a: unrouted"], Publisher.Outcomes);
        Assert.Equal([1, 1], Queue.Numbers);
        Assert.NotEqual(first.Up.Link, Queue.Last.Up.Link);
        Assert.Equal(["b", "c"], Queue.Last.Published);

        Queue.Last.Answer(1, Queue.Last.Down(1, 1, 2, Opened(), Accepted(0), Accepted(1)));
        Assert.Equal(["a: unrouted", "b: passed"], Publisher.Outcomes);
        Assert.Equal(0, Set.Unaccepted);
    }

    [Fact]
    public void Ended_Deleted_CancelsConsumersAndAnswersEverything()
    {
        var open = new EverythingOpen(this);
        var generation = Set.Generation;

        Push(Queue.Last.Down(4, 3, 0, new EndedItem(LinkEnd.Deleted)));

        Assert.Equal(["answered: passed", "unanswered: unrouted"], Publisher.Outcomes);
        var again = Queue.Last;
        again.Answer(0, again.Down(1, 0, 0, new EndedItem(LinkEnd.NoQueue)));
        Assert.Same(again, Queue.Last);
        open.AssertEnded("no queue 'q' in vhost '/'");
        Assert.NotEqual(generation, Set.Generation);
    }

    /// <summary>Delete, declare, consume and get on one connection: what the queue says last of itself may come after that.</summary>
    [Theory]
    [InlineData(LinkEnd.Deleted)]
    [InlineData(LinkEnd.NoQueue)]
    public void Ended_WhatWasAskedForMeanwhile_IsAskedOfTheQueueThatWasDeclaredSince(LinkEnd reason)
    {
        var link = Opened("q");
        var (consumer, left) = (new FakeConsumer(), new FakeConsumer("left"));
        (QueueSession Session, GotItem Item)? got = null;
        link.Attach(consumer, exclusive: true, prefetch: 3, shared: false, EncodedTable.Empty);
        link.Attach(left, exclusive: false, prefetch: 0, shared: false, EncodedTable.Empty);
        link.Detach(left);
        link.Get(noAck: false, (session, item) => got = (session, item));
        Set.Flush();

        Push(Queue.Last.Down(2, 1, 0, new EndedItem(reason)));

        var again = Queue.Last.Up;
        Assert.NotEqual(link.LinkId, again.Link);
        Assert.NotEqual(link.Id, again.Open!.Session);
        Assert.Equal(
            [("AttachItem", consumer.Id), ("AttachItem", left.Id), ("DetachItem", left.Id), ("GetItem", 0)],
            again.Items.Select(item => (item.GetType().Name, item switch { AttachItem attach => attach.Consumer, DetachItem detach => detach.Consumer, _ => 0 })));
        Assert.Equal((true, 3), (again.Items.OfType<AttachItem>().First().Exclusive, again.Items.OfType<AttachItem>().First().Prefetch));
        Assert.Empty(consumer.Events);
        Assert.Null(got);

        Queue.Last.Answer(1, Queue.Last.Down(
            1, 1, 0, Opened(), new AttachedItem(consumer.Id, null), new AttachedItem(left.Id, null), new DetachedItem(left.Id),
            new GotItem(1, Messages.Slice(0, "m"), 0, null)));
        Assert.Equal(["attached"], consumer.Events);
        Assert.Same(Set.Open("q"), got!.Value.Session);
        Assert.Equal(1, got.Value.Session.Unsettled);
    }

    [Fact]
    public void Ended_WhenTheSessionIsClosing_AsksForNothingAgain()
    {
        var link = Opened("q");
        GotItem? got = null;
        link.Get(noAck: false, (_, item) => got = item);
        Set.Flush();
        link.Close();
        Set.Flush();
        var sent = Queue.Sent.Count;

        Push(Queue.Last.Down(2, 1, 0, new EndedItem(LinkEnd.Deleted)));

        Assert.Equal(sent, Queue.Sent.Count);
        Assert.NotNull(got!.Error);
    }

    [Fact]
    public void Elsewhere_ByAnActivationOfAHigherEpoch_EndsAllWithoutAVerdictOnWhatIsNotSafe()
    {
        Watched.Expect(1004);
        var open = new EverythingOpen(this);
        var down = Queue.Last.Down(1, 0, 0, new EndedItem(LinkEnd.Elsewhere));

        Push(new LinkDown { Link = down.Link, Epoch = down.Epoch + 1, Number = 1, Items = down.Items });

        Assert.Equal(["answered: lost", "unanswered: lost"], Publisher.Outcomes);
        open.AssertEnded("home node 'another' of durable queue 'q' in vhost '/' is down or inaccessible");
    }

    [Fact]
    public void Lost_ByAnActivationOfAHigherEpoch_TheNextOneIsToldAllThatItMayNotKnow()
    {
        var link = Opened("q");
        var incarnation = Assert.IsType<LinkOpen>(Queue.Sent[0].Up.Open).Incarnation;
        Assert.Equal(default, incarnation);
        var consumer = Attached(link);
        Push(Queue.Last.Down(3, 2, 0, Delivery(consumer, 5, "x", "y", "z")));
        link.Settle(Settlement.Ack, [new OffsetRange(6, 1)]);
        Publish(link, "answered");
        Queue.Last.Answer(3, Queue.Last.Down(4, 3, 0, Accepted(0)));
        Publish(link, "unanswered");
        GotItem? got = null;
        link.Get(noAck: false, (_, item) => got = item);
        var first = Queue.Sent[0].Up;
        var generation = Set.Generation;

        Push(new LinkDown { Link = first.Link, Epoch = 8, Number = 1, Items = [new EndedItem(LinkEnd.Lost)] });

        var again = Queue.Last.Up;
        Assert.NotEqual(first.Link, again.Link);
        Assert.Equal((1L, 0L, first.Open!.Session), (again.Number, again.Epoch, again.Open!.Session));
        Assert.NotEqual(default, again.Open.Incarnation);
        Assert.Equal(generation, Set.Generation);
        var attach = Assert.IsType<AttachItem>(again.Items[0]);
        Assert.Equal((consumer.Id, 16 * 1024 - 3L), (attach.Consumer, attach.Window.Messages));
        Assert.Equal([(consumer.Id, 5L, 1), (consumer.Id, 7L, 1), (0, 0L, 1), (0, 6L, 1)], Held(again));
        Assert.Equal([(0L, Settlement.Ack), (6L, Settlement.Ack)], again.Items.OfType<SettleItem>().Select(item => (item.Offsets[0].First, item.Settlement)));
        Assert.Equal([(1L, true, true), (2L, true, false)], again.Items.OfType<PublishItem>().Select(item => (item.Number, item.Resent, item.WasTaken)));
        Assert.Equal(new GetItem(1, NoAck: false), again.Items[^1]);

        Push(new LinkDown
        {
            Link = again.Link,
            Epoch = 9,
            Number = 1,
            ReceivedThrough = 1,
            Watermark = 102,
            StoredUp = 1,
            StoredDown = 1,
            Items = [Opened(), new AttachedItem(consumer.Id, null), Accepted(100), Accepted(101), new GotItem(1, null, 0, null)],
        });
        Assert.Equal(["answered: passed", "unanswered: passed"], Publisher.Outcomes);
        Assert.Equal(["attached", "5: x y z"], consumer.Events);
        Assert.NotNull(got);
        Assert.Equal((0, 0), (Set.Unaccepted, Set.Unpassed));
    }

    [Fact]
    public void Lost_WhatWentBackAndHasComeAgain_IsHeldAndNotGivenBackOnceMore()
    {
        var link = Opened("q");
        var consumer = Attached(link);
        Push(Queue.Last.Down(3, 2, 0, Delivery(consumer, 5, "x", "y", "z")));
        link.Settle(Settlement.Requeue, [new OffsetRange(5, 3)]);
        Set.Flush();
        Queue.Last.Answer(3, Queue.Last.Down(4, 3, 0, Delivery(consumer, 5, "x", "y")));
        link.Settle(Settlement.Ack, [new OffsetRange(6, 1)]);
        Set.Flush();

        Push(new LinkDown { Link = link.LinkId, Epoch = 8, Number = 1, Items = [new EndedItem(LinkEnd.Lost)] });

        Assert.Equal([(consumer.Id, 5L, 1), (0, 0L, 1), (0, 7L, 1), (0, 6L, 1)], Held(Queue.Last.Up));
        Assert.Equal(
            [(0L, Settlement.Ack), (7L, Settlement.Requeue), (6L, Settlement.Ack)],
            Queue.Last.Up.Items.OfType<SettleItem>().Select(item => (Assert.Single(item.Offsets).First, item.Settlement)));
    }

    [Fact]
    public void Lost_ConsumerWithARank_TellsTheNextActivationAndTheOneAfterASiloThatGivesNone()
    {
        var link = Opened("q");
        var consumer = Attached(link);
        Push(Queue.Last.Down(3, 2, 0, new AttachedItem(consumer.Id, null, Rank: 77)));

        Push(new LinkDown { Link = Queue.Last.Up.Link, Epoch = 8, Number = 1, Items = [new EndedItem(LinkEnd.Lost)] });
        Assert.Equal(77, Assert.IsType<AttachItem>(Queue.Last.Up.Items[0]).Rank);

        Push(new LinkDown { Link = Queue.Last.Up.Link, Epoch = 9, Number = 1, ReceivedThrough = 1, Items = [Opened(), new AttachedItem(consumer.Id, null)] });
        Push(new LinkDown { Link = Queue.Last.Up.Link, Epoch = 10, Number = 1, Items = [new EndedItem(LinkEnd.Lost)] });
        Assert.Equal(77, Assert.IsType<AttachItem>(Queue.Last.Up.Items[0]).Rank);
        Assert.Equal(["attached"], consumer.Events);
    }

    [Fact]
    public void Lost_ConsumerOfAStream_TellsTheNextActivationWhereItIs()
    {
        var link = Opened("q");
        var consumer = Attached(link);
        Push(Queue.Last.Down(3, 2, 0, new AttachedItem(consumer.Id, null, Position: 70)));

        Push(new LinkDown { Link = Queue.Last.Up.Link, Epoch = 8, Number = 1, Items = [new EndedItem(LinkEnd.Lost)] });
        Assert.Equal(70, Assert.IsType<AttachItem>(Queue.Last.Up.Items[0]).Position);

        Push(new LinkDown
        {
            Link = Queue.Last.Up.Link,
            Epoch = 9,
            Number = 1,
            ReceivedThrough = 1,
            Items = [Opened(), new AttachedItem(consumer.Id, null, Position: 70), Delivery(consumer, 75, "x", "y", "z")],
        });
        Push(new LinkDown { Link = Queue.Last.Up.Link, Epoch = 10, Number = 1, Items = [new EndedItem(LinkEnd.Lost)] });
        Assert.Equal(78, Assert.IsType<AttachItem>(Queue.Last.Up.Items[0]).Position);
    }

    [Fact]
    public void Lost_AgainAndAgainWithoutHavingBeenOpen_IsGivenUp()
    {
        Watched.Expect(1004);
        var link = Opened("q");
        var consumer = Attached(link);
        Publish(link, "a");

        for (var i = 0; !link.IsEnded; i++)
        {
            Assert.True(i < 20, "The activation has something against it, and is asked for ever.");
            var id = link.LinkId;
            Push(new LinkDown { Link = id, Epoch = 8 + i, Number = 1, Items = [new EndedItem(LinkEnd.Lost)] });
            Tick(2_000);
        }

        Assert.Equal(["a: lost"], Publisher.Outcomes);
        Assert.Equal(["attached", "ended"], consumer.Events);
    }

    /// <summary>Nobody is there to be told that dead letters are lost: they are sent again, but not all the time, until an activation takes them.</summary>
    [Fact]
    public void Lost_AgainAndAgainByAPatientSet_IsTriedAgainOnceInHalfAMinute()
    {
        Watched.Expect(1014);
        var set = new LinkSet(Grains.Factory, null, ConnectionId.New(), "/", Clock, Watched.LoggerOf<LinkSet>()) { IsPatient = true };
        var link = set.Open("q");
        Publisher.Publish(link, "a");
        set.Flush();
        Queue.Last.Answer(1, Queue.Last.Down(1, 1, 0, Opened()));
        var epoch = 8;
        for (var i = 0; i < 10; i++, Pass(2_000))
        {
            Lose();
        }

        for (var i = 0; i < 2; i++, Pass(30_000))
        {
            Lose();
            var sent = Queue.Sent.Count;
            Pass(29_000);
            Assert.Equal(sent, Queue.Sent.Count);
        }

        Assert.Equal(["a"], Queue.Last.Published);
        Assert.IsType<PublishItem>(Assert.Single(Queue.Last.Up.Items));
        Assert.True(set.ReceiveAsync(new LinkDown { Link = link.LinkId, Epoch = epoch, Number = 1, ReceivedThrough = 1, Watermark = 1, Items = [Opened(), Accepted(0)] }).IsCompletedSuccessfully);
        Assert.Equal(["a: passed"], Publisher.Outcomes);
        Assert.Equal((false, 0L, 0L), (link.IsEnded, set.Unaccepted, set.Unpassed));

        void Lose() => Assert.True(
            set.ReceiveAsync(new LinkDown { Link = link.LinkId, Epoch = epoch++, Number = 1, Items = [new EndedItem(LinkEnd.Lost)] }).IsCompletedSuccessfully);

        void Pass(int milliseconds)
        {
            Clock.Advance(TimeSpan.FromMilliseconds(milliseconds));
            set.Tick();
        }
    }

    [Fact]
    public void Lost_WhatAFullQueueHadRefused_IsNotSentAgain()
    {
        var link = Opened("q");
        Publish(link, "a", "b", "c");
        Queue.Last.Answer(2, Queue.Last.Down(2, 2, 0, new PublishedItem(0, [1])));

        Push(new LinkDown { Link = link.LinkId, Epoch = 8, Number = 1, Items = [new EndedItem(LinkEnd.Lost)] });
        Assert.Equal(["a c"], Queue.Last.Published);
        Push(new LinkDown
        {
            Link = link.LinkId,
            Epoch = 9,
            Number = 1,
            ReceivedThrough = 1,
            Watermark = 101,
            Items = [Opened(), new PublishedItem(100, [1])],
        });

        Assert.Equal(["a b c: passed, refused 1 2"], Publisher.Outcomes);
        Assert.Equal((0, 0), (Set.Unaccepted, Set.Unpassed));
    }

    [Fact]
    public void Publish_OnALinkThatHasEnded_GoesToTheOneThatFollows()
    {
        var link = Opened("q");
        Push(Queue.Last.Down(2, 1, 0, new EndedItem(LinkEnd.Deleted)));
        Publish(link, "a");

        Assert.Equal(["a"], Queue.Last.Published);
        Assert.NotEqual(link.LinkId, Queue.Last.Up.Link);
        Queue.Last.Answer(1, Queue.Last.Down(1, 1, 1, Opened(), Accepted(0)));
        Assert.Equal(["a: passed"], Publisher.Outcomes);
        Assert.Equal(0, Set.Unaccepted);
    }

    private static IEnumerable<(int Consumer, long First, int Count)> Held(LinkUp up) =>
        up.Items.OfType<HoldItem>().SelectMany(item => item.Offsets.Select(range => (item.Consumer, range.First, range.Count)));

    /// <summary>A link with a message that was answered and one that was not, a consumer that is attached and one that is not, and a get.</summary>
    private sealed class EverythingOpen
    {
        private readonly QueueSessionEndTests _test;
        private readonly QueueSession _link;
        private readonly FakeConsumer _consumer;
        private readonly FakeConsumer _waiting = new("late");
        private GotItem? _got;

        public EverythingOpen(QueueSessionEndTests test)
        {
            _test = test;
            _link = test.Opened("q");
            _consumer = test.Attached(_link);
            test.Publish(_link, "answered");
            test.Queue.Last.Answer(3, test.Queue.Last.Down(3, 3, 0, Accepted(0)));
            test.Publish(_link, "unanswered");
            _link.Attach(_waiting, exclusive: false, prefetch: 0, shared: false, EncodedTable.Empty);
            _link.Get(noAck: false, (_, item) => _got = item);
        }

        public void AssertEnded(string error)
        {
            Assert.Equal(["attached", "ended"], _consumer.Events);
            Assert.Equal([error], _waiting.Events);
            Assert.Equal(error, _got!.Error!.Explanation);
            Assert.Equal((0, 0), (_test.Set.Unaccepted, _test.Set.Unpassed));
            Assert.NotSame(_link, _test.Set.Open("q"));
        }
    }
}
