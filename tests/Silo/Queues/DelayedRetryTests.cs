using CsCheck;
using Granary.Amqp;
using Granary.Core;
using Granary.Core.Figures;
using Granary.Core.Links;
using Granary.Silo.DeadLetters;
using Granary.Silo.Queues.Messages;

namespace Granary.Silo.Tests.Queues;

/// <summary>Messages of quorum queues that come back wait before they are delivered again (x-delayed-retry-type).</summary>
public sealed class DelayedRetryTests
{
    private TestGateway _gateway = null!;

    [Fact]
    public void Message_WaitsLongerEachTime_UpToTheMost()
    {
        var link = Declare(("x-delayed-retry-min", 1_000), ("x-delayed-retry-max", 2_500)).Open();
        link.Attach(1);
        link.Publish(0, 1);
        foreach (var (count, delay) in new[] { (1L, 1_000), (2, 2_000), (3, 2_500), (4, 2_500) })
        {
            Assert.Empty(link.Settle(Settlement.Requeue, (0, 1)));
            Assert.Equal((_gateway.Now + delay, 0), (_gateway.Slot.NextDue, _gateway.Queue.ReadyCount));
            Assert.Empty(After(link, delay - 1));
            Assert.Equal((0L, true, count), Assert.Single(After(link, 1)));
        }
    }

    [Fact]
    public void Most_IsAsMuchAsTheLeast_WhereNobodySaysIt()
    {
        var link = Declare(("x-delayed-retry-min", 1_000)).Open();
        link.Attach(1);
        link.Publish(0, 1);
        for (var i = 0; i < 3; i++)
        {
            link.Settle(Settlement.Failed, (0, 1));
            Assert.Empty(After(link, 999));
            Assert.Single(After(link, 1));
        }
    }

    [Theory]
    [InlineData("all", Settlement.Requeue, true)]
    [InlineData("all", Settlement.Failed, true)]
    [InlineData("all", Settlement.Undelivered, false)]
    [InlineData("failed", Settlement.Requeue, false)]
    [InlineData("failed", Settlement.Failed, true)]
    [InlineData("returned", Settlement.Requeue, true)]
    [InlineData("returned", Settlement.Failed, false)]
    [InlineData("disabled", Settlement.Requeue, false)]
    [InlineData("unheard-of", Settlement.Requeue, false)]
    public void Type_SaysWhichMessagesWait(string type, Settlement how, bool waits)
    {
        var link = Declare(("x-delayed-retry-type", type), ("x-delayed-retry-min", 1_000)).Open();
        link.Attach(1);
        link.Publish(0, 1);
        Assert.Equal(waits ? 0 : 1, TestLink.Given(link.Settle(how, (0, 1)), 1).Length);
        Assert.Equal(waits ? 1 : 0, _gateway.Queue.WaitingCount);
    }

    [Fact]
    public void Message_ComesBackToItsPlace_AndOthersDoNotWaitForIt()
    {
        var link = Declare(("x-delayed-retry-min", 1_000)).Open();
        link.Attach(1, prefetch: 2);
        link.Publish(0, 6);
        link.Settle(Settlement.Requeue, (0, 2));
        Assert.Equal([0, 1, 2, 3], link.GivenIds(1));
        link.Settle(Settlement.Ack, (2, 1));
        Assert.Equal(4, link.GivenIds(1)[^1]);
        _gateway.Now += 1_000;
        link.Settle(Settlement.Ack, (3, 2));
        Assert.Equal([0, 1], link.GivenIds(1)[^2..]);
        link.Settle(Settlement.Ack, (0, 2));
        Assert.Equal(5, link.GivenIds(1)[^1]);
    }

    [Fact]
    public void Connection_ThatEnds_LeavesItsMessagesToWait()
    {
        var link = Declare(("x-delayed-retry-type", "failed"), ("x-delayed-retry-min", 1_000)).Open();
        link.Attach(1);
        link.Publish(0, 2);
        link.Send(new CloseItem());
        var other = _gateway.Open();
        other.Attach(1);
        Assert.Empty(other.GivenIds(1));
        Assert.Equal([(0L, true, 1L), (1L, true, 1L)], After(other, 1_000));
    }

    [Fact]
    public void Message_ThatCameBackTooOften_DiesAndDoesNotWait()
    {
        var link = Declare(("x-delayed-retry-min", 1_000), ("x-delivery-limit", 1), ("x-dead-letter-exchange", "dlx")).Open();
        link.Attach(1);
        link.Publish(0, 2);
        link.Settle(Settlement.Requeue, (0, 1));
        After(link, 1_000);
        link.Settle(Settlement.Requeue, (0, 2));
        var dead = Assert.Single(_gateway.Slot.Dead);
        Assert.Equal((0L, 1, "delivery_limit"), (dead.Run.First, dead.Run.Count, DeathHistory.NameOf(dead.Reason)));
        Assert.Equal((1L, true, 1L), Assert.Single(After(link, 1_000)));
    }

    [Fact]
    public void Message_WhoseTimeIsUp_ExpiresAndIsNotDelivered()
    {
        var link = Declare(("x-delayed-retry-min", 1_000), ("x-message-ttl", 400), ("x-dead-letter-exchange", "dlx")).Open();
        link.Attach(1);
        link.Publish(0, 1);
        link.Settle(Settlement.Requeue, (0, 1));
        Assert.Equal(_gateway.Now + 400, _gateway.Slot.NextDue);
        Assert.Empty(After(link, 400));
        Assert.Equal(DeathReason.Expired, Assert.Single(_gateway.Slot.Dead).Reason);
        Assert.Equal((0, 0), (_gateway.Queue.ReadyCount, _gateway.Queue.WaitingCount));
    }

    [Fact]
    public void Purge_RemovesThemAndCountsThem()
    {
        var link = Declare(("x-delayed-retry-min", 1_000)).Open();
        link.Attach(1, prefetch: 3);
        link.Publish(0, 5);
        link.Send(new DetachItem(1));
        link.Settle(Settlement.Requeue, (0, 2));
        Assert.Equal((2, 2, 1), (_gateway.Queue.WaitingCount, _gateway.Queue.ReadyCount, _gateway.Queue.Figures.Unacked));
        Assert.Equal(4, _gateway.Slot.Purge(_gateway.Connection, _gateway.Now).Messages);
        Assert.Equal((0, MessageRun.Never, true), (_gateway.Queue.WaitingCount, _gateway.Slot.NextDue, _gateway.Queue.DeliveryCounts!.IsEmpty));
    }

    [Fact]
    public void LengthLimit_CountsThem()
    {
        var link = Declare(("x-delayed-retry-min", 1_000), ("x-max-length", 2), ("x-overflow", "reject-publish")).Open();
        link.Attach(1);
        link.Publish(0, 2);
        link.Send(new DetachItem(1));
        link.Settle(Settlement.Requeue, (0, 2));
        Assert.Equal([0], Assert.Single(link.Publish(2, 1).OfType<PublishedItem>()).Refused!);
        link.Attach(1);
        After(link, 1_000);
        link.Settle(Settlement.Ack, (0, 1));
        Assert.Null(Assert.Single(link.Publish(3, 1).OfType<PublishedItem>()).Refused);
    }

    [Fact]
    public void LengthLimit_DropsWhatIsReady_AndNotWhatWaits()
    {
        var link = Declare(("x-delayed-retry-min", 1_000), ("x-max-length", 2)).Open();
        link.Attach(1);
        link.Publish(0, 2);
        link.Send(new DetachItem(1));
        link.Settle(Settlement.Requeue, (0, 2));
        link.Publish(2, 3);
        Assert.Equal((2, 0), (_gateway.Queue.WaitingCount, _gateway.Queue.ReadyCount));
        Assert.Equal(3, _gateway.Queue.Figures[QueueCount.Drop]);
        link.Attach(1);
        Assert.Equal([0, 1], After(link, 1_000).Select(given => given.Id));
    }

    [Fact]
    public void Policy_SaysItForTheNextReturns()
    {
        _gateway = new TestGateway().Declare(durable: true, arguments: EncodedTable.From(FieldTable.Of(("x-queue-type", "quorum"))));
        var link = _gateway.Open();
        link.Attach(1);
        link.Publish(0, 1);
        Assert.Single(TestLink.Given(link.Settle(Settlement.Requeue, (0, 1)), 1));
        _gateway.Apply("""{"delayed-retry-type":"all","delayed-retry-min":100,"delayed-retry-max":1000}""");
        Assert.Empty(link.Settle(Settlement.Requeue, (0, 1)));
        _gateway.Apply();
        Assert.Equal((0L, true, 2L), Assert.Single(After(link, 200)));
        Assert.Single(TestLink.Given(link.Settle(Settlement.Requeue, (0, 1)), 1));
    }

    [Fact]
    public void Figures_SayHowManyWait_AndUntilWhen()
    {
        var link = Declare(("x-delayed-retry-min", 1_000), ("x-delayed-retry-max", 5_000)).Open();
        link.Attach(1);
        link.Publish(0, 2);
        var start = _gateway.Now;
        link.Settle(Settlement.Requeue, (0, 1));
        After(link, 1_000);
        link.Settle(Settlement.Requeue, (0, 2));
        var figure = _gateway.Queue.Figures.ToFigure(new SampleTimes(1), _gateway.Now);
        Assert.Equal((2, 0, 0, 2), (figure.Waiting, figure.Ready, figure.Unacked, figure.Messages));
        Assert.Equal((start + 2_000, start + 3_000), (figure.NextWaiting, figure.LastWaiting));
        Assert.True(figure.ReadyBytes > 0);
    }

    private TestGateway Declare(params (string, FieldValue)[] arguments) =>
        _gateway = new TestGateway().Declare(durable: true, arguments: EncodedTable.From(DelayedRetries.Arguments(arguments)));

    private (long Id, bool Redelivered, long Count)[] After(TestLink link, long milliseconds) => _gateway.After(link, milliseconds);
}
