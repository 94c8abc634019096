using Granary.Core.Links;

namespace Granary.Silo.Tests.Queues;

/// <summary>Consumers with x-priority: the highest come first while they have credit.</summary>
public sealed class ConsumerPriorityTests
{
    private readonly TestGateway _gateway = new TestGateway().Declare();

    [Fact]
    public void Publish_ToTwoPriorities_GoesToTheHigherOneWhileItHasCredit()
    {
        var link = _gateway.Open();
        link.Attach(1);
        link.Attach(2, prefetch: 3, priority: 5);
        link.Publish(0, 5);
        Assert.Equal([0, 1, 2], link.GivenIds(2));
        Assert.Equal([3, 4], link.GivenIds(1));

        link.Settle(Settlement.Ack, (1, 1));
        link.Publish(5, 2);
        Assert.Equal([0, 1, 2, 5], link.GivenIds(2));
        Assert.Equal([3, 4, 6], link.GivenIds(1));
    }

    [Fact]
    public void Publish_ToSeveralOfOnePriority_GoesRoundAmongThem()
    {
        var link = _gateway.Open();
        link.Attach(1, priority: -1);
        link.Attach(2, prefetch: 2);
        link.Attach(3, prefetch: 3);
        link.Publish(0, 7);
        Assert.Equal([0, 2], link.GivenIds(2));
        Assert.Equal([1, 3, 4], link.GivenIds(3));
        Assert.Equal([5, 6], link.GivenIds(1));
    }

    [Fact]
    public void Detach_OfTheHigherOne_LeavesMessagesToTheLower()
    {
        var link = _gateway.Open();
        link.Attach(1);
        link.Attach(2, priority: 1);
        link.Send(new DetachItem(2));
        link.Publish(0, 2);
        Assert.Equal([0, 1], link.GivenIds(1));
    }

    [Fact]
    public void HigherConsumer_UnderASharedLimit_IsAskedBeforeALowerOneIsGivenAnything()
    {
        var link = _gateway.Open();
        link.Attach(1);
        link.Attach(2, shared: true, priority: 1);
        Assert.Equal(new ReadyItem(2), link.Publish(0, 4)[^1]);
        Assert.Empty(link.GivenIds(1));

        Assert.Equal(new ReadyItem(2), link.Send(new LendItem(2, 3))[^1]);
        Assert.Equal([0, 1, 2], link.GivenIds(2));
        Assert.Empty(link.GivenIds(1));

        link.Send(new LendItem(2, 0));
        Assert.Equal([3], link.GivenIds(1));
        link.Publish(4, 1);
        Assert.Equal([3, 4], link.GivenIds(1));

        link.Send(new LendItem(2, 1));
        link.Publish(5, 1);
        Assert.Equal([0, 1, 2], link.GivenIds(2));
        link.Send(new LendItem(2, 1));
        Assert.Equal([0, 1, 2, 5], link.GivenIds(2));
    }

    [Fact]
    public void LowerConsumer_UnderASharedLimit_IsAskedWhenNoHigherOneCanTakeMore()
    {
        var link = _gateway.Open();
        link.Attach(1, shared: true);
        link.Attach(2, prefetch: 1, priority: 1);
        Assert.DoesNotContain(new ReadyItem(1), link.Publish(0, 1));
        Assert.Contains(new ReadyItem(1), link.Publish(1, 1));
        link.Send(new LendItem(1, 1));
        Assert.Equal([1], link.GivenIds(1));
    }
}
