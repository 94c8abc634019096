using Granary.Amqp;
using Granary.Core;
using Granary.Core.Links;

namespace Granary.Silo.Tests.Queues;

/// <summary>x-single-active-consumer: one consumer is given all messages until it leaves.</summary>
public sealed class SingleActiveConsumerTests
{
    [Theory]
    [InlineData("classic")]
    [InlineData("quorum")]
    public void Publish_ToSeveral_GoesToTheFirstThatCame(string type)
    {
        var link = Gateway(type).Open();
        link.Attach(1, prefetch: 2);
        link.Attach(2);
        link.Publish(0, 3);
        Assert.Equal([0, 1], link.GivenIds(1));
        Assert.Empty(link.GivenIds(2));
    }

    [Theory]
    [InlineData("classic")]
    [InlineData("quorum")]
    public void Detach_OfTheActiveOne_HandsOverToTheNext_AndLeavesItsDeliveriesWithIt(string type)
    {
        var link = Gateway(type).Open();
        link.Attach(1, prefetch: 2);
        link.Attach(2);
        link.Attach(3);
        link.Publish(0, 4);
        link.Send(new DetachItem(1));
        Assert.Equal([2, 3], link.GivenIds(2));

        link.Settle(Settlement.Requeue, (0, 1));
        Assert.Equal([2, 3, 0], link.GivenIds(2));
        link.Settle(Settlement.Ack, (1, 1));
        Assert.Empty(link.GivenIds(3));
    }

    /// <summary>As when its channel is closed: they come back, and then the next one is given them first.</summary>
    [Theory]
    [InlineData("classic", true)]
    [InlineData("quorum", true)]
    [InlineData("classic", false)]
    public void Detach_WhileDeliveriesAreUnderWay_HandsOverWhenTheGatewayHasThem(string type, bool isReturned)
    {
        var gateway = Gateway(type);
        var (publisher, link) = (gateway.Open(), gateway.Open());
        link.Attach(1, prefetch: 2);
        link.Attach(2, prefetch: 2);
        publisher.SendAhead(new PublishItem(Batches.Of(0, 4), false));
        var answered = link.SendAhead(new DetachItem(1));
        gateway.DeliverPushes();
        Array.ForEach(answered, link.Receive);
        Assert.Equal([0, 1], link.GivenIds(1));
        Assert.Empty(link.GivenIds(2));

        _ = isReturned ? link.Settle(Settlement.Failed, (0, 2)) : link.Send();
        Assert.Equal(isReturned ? [0, 1] : [2, 3], link.GivenIds(2));
    }

    [Fact]
    public void Close_OfTheActiveOnesLink_RequeuesToTheNext()
    {
        var gateway = Gateway("classic");
        var (first, second) = (gateway.Open(), gateway.Open());
        first.Attach(1);
        second.Attach(1);
        first.Publish(0, 2);
        first.Send(new CloseItem());
        Assert.Equal([(0L, true), (1L, true)], TestLink.Given(second.Items, 1));
    }

    [Theory]
    [InlineData("classic")]
    [InlineData("quorum")]
    public void HandOver_GoesToTheHighestPriority_AndToTheFirstOfEquals(string type)
    {
        var link = Gateway(type).Open();
        link.Attach(1, priority: 9);
        link.Attach(2);
        link.Attach(3, priority: 5);
        link.Attach(4, priority: 5);
        link.Send(new DetachItem(1));
        link.Publish(0, 1);
        Assert.Equal([0], link.GivenIds(3));
    }

    [Fact]
    public void HigherPriority_InAClassicQueue_WaitsForTheActiveOneToLeave()
    {
        var link = Gateway("classic").Open();
        link.Attach(1);
        link.Attach(2, priority: 5);
        link.Publish(0, 1);
        Assert.Equal([0], link.GivenIds(1));
    }

    [Fact]
    public void HigherPriority_InAQuorumQueue_TakesOverWhenAllIsSettled()
    {
        var link = Gateway("quorum").Open();
        link.Attach(1);
        link.Publish(0, 2);
        link.Attach(2, priority: 5);
        link.Publish(2, 1);
        link.Settle(Settlement.Ack, (0, 1));
        Assert.Empty(link.GivenIds(2));

        link.Settle(Settlement.Ack, (1, 1));
        Assert.Equal([0, 1], link.GivenIds(1));
        Assert.Equal([2], link.GivenIds(2));

        link.Send(new DetachItem(2));
        link.Publish(3, 1);
        Assert.Equal([0, 1, 3], link.GivenIds(1));
    }

    [Fact]
    public void HigherPriority_ThatLeavesBeforeItTookOver_LeavesTheActiveOneActive()
    {
        var link = Gateway("quorum").Open();
        link.Attach(1);
        link.Publish(0, 1);
        link.Attach(2, priority: 5);
        link.Publish(1, 1);
        Assert.Equal([0], link.GivenIds(1));
        link.Send(new DetachItem(2));
        Assert.Equal([0, 1], link.GivenIds(1));
    }

    [Theory]
    [InlineData("classic", true)]
    [InlineData("quorum", false)]
    public void ExclusiveConsumer_IsRefusedByAClassicQueue(string type, bool isRefused)
    {
        var attached = Assert.IsType<AttachedItem>(Gateway(type).Open().Attach(1, exclusive: true)[0]);
        Assert.Equal(isRefused ? BrokerError.QueueInExclusiveUse("/", "q") : null, attached.Error);
    }

    [Theory]
    [InlineData("classic", null)]
    [InlineData("quorum", "cannot obtain access to locked queue 'q' in vhost '/'. basic.get operations are not supported by quorum queues with single active consumer")]
    public void Get_IsRefusedByAQuorumQueue(string type, string? refusal)
    {
        var got = Assert.IsType<GotItem>(Assert.Single(Gateway(type).Open().Send(new GetItem(1, NoAck: true))));
        Assert.Equal(refusal is null ? null : new BrokerError(ReplyCode.ResourceLocked, refusal), got.Error);
    }

    [Fact]
    public void SharedLimit_OfAConsumerThatWaits_IsNotAskedFor()
    {
        var link = Gateway("classic").Open();
        link.Attach(1, shared: true, prefetch: 1);
        link.Attach(2, shared: true);
        Assert.Equal([new ReadyItem(1)], link.Publish(0, 2).OfType<ReadyItem>());
        Assert.Equal(new UnusedItem(2, 3), Assert.Single(link.Send(new LendItem(2, 3))));
        link.Send(new LendItem(1, 2));
        Assert.Equal([0], link.GivenIds(1));
        Assert.Equal([new ReadyItem(2)], link.Send(new DetachItem(1)).OfType<ReadyItem>());
    }

    [Theory]
    [InlineData(0)]
    [InlineData(1)]
    public void Activation_AfterALoss_MakesTheOneActiveThatWas(int firstToCome)
    {
        var before = Gateway("classic");
        var links = new[] { before.Open(), before.Open(), before.Open() };
        links[0].Attach(1);
        links[1].Attach(1);
        links[2].Attach(1, priority: 7);
        links[0].Send(new DetachItem(1));
        Assert.Equal([false, true], links[1..].Select(IsActive));

        var after = Gateway("classic");
        after.Now += 5;
        var again = new TestLink[3];
        foreach (var number in firstToCome == 0 ? new[] { 1, 2 } : [2, 1])
        {
            again[number] = after.Open(null, Again(links[number], priority: number == 2 ? 7 : 0));
            after.Open().Publish(number, 1);
        }

        after.Open().Publish(9, 1);
        Assert.Equal([false, true], again[1..].Select(IsActive));
        Assert.Equal(9, again[2].GivenIds(1)[^1]);
    }

    [Fact]
    public void Activation_WithoutOneThatWasActive_TakesTheFirst()
    {
        var gateway = Gateway("classic");
        var first = gateway.Open(null, TestLink.Attachment(1) with { Rank = 7 });
        var other = gateway.Open(null, TestLink.Attachment(1) with { Rank = 5 });
        gateway.Open().Publish(0, 1);
        Assert.Equal([0], first.GivenIds(1));
        Assert.Empty(other.GivenIds(1));
    }

    [Fact]
    public void ActiveConsumer_ThatIsFollowedByAnother_DoesNotComeBackBeforeItsTurn()
    {
        var gateway = Gateway("classic");
        var first = gateway.Open();
        first.Attach(1);
        var second = gateway.Open();
        second.Attach(1);
        first.Send(new CloseItem());
        var late = gateway.Open(null, Again(first, priority: 0));
        gateway.Open().Publish(0, 1);
        Assert.Equal([0], second.GivenIds(1));
        Assert.Empty(late.GivenIds(1));
        Assert.False(IsActive(late));
    }

    private static TestGateway Gateway(string type) => new TestGateway().Declare(
        durable: true, arguments: EncodedTable.From(FieldTable.Of(("x-single-active-consumer", true), ("x-queue-type", type))));

    private static AttachedItem Place(TestLink link) => link.Items.OfType<AttachedItem>().Last();

    private static bool IsActive(TestLink link) => Place(link).Active;

    /// <summary>How the consumer of a link attaches to the next activation.</summary>
    private static AttachItem Again(TestLink link, long priority) =>
        TestLink.Attachment(1, priority: priority) with { Rank = Place(link).Rank, Active = Place(link).Active };
}
