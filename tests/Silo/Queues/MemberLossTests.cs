using Granary.Core;
using Granary.Core.Links;

namespace Granary.Silo.Tests.Queues;

/// <summary>A queue lets go of what a member of the cluster had of it that is gone.</summary>
public sealed class MemberLossTests
{
    private const string Lost = "lost";

    private static readonly ConnectionId There = ConnectionId.New(Lost), Elsewhere = ConnectionId.New("other");

    [Fact]
    public void LetGo_ConsumersOfTheMember_GoAndWhatTheyHeldIsGivenToOthers()
    {
        var gateway = new TestGateway().Declare();
        var (lost, other) = (gateway.Open(There), gateway.Open(Elsewhere));
        lost.Attach(1, prefetch: 10);
        lost.Publish(0, 3);
        Assert.Equal([0, 1, 2], lost.GivenIds(1));
        other.Attach(2, prefetch: 10);

        gateway.Slot.LetGo(Lost, gateway.Now);
        gateway.DeliverPushes();

        Assert.Equal([(0, true), (1, true), (2, true)], TestLink.Given(other.Items, 2));
        Assert.Equal(1, gateway.Queue.ConsumerCount);
    }

    [Fact]
    public void LetGo_OfAnotherMember_ChangesNothing()
    {
        var gateway = new TestGateway().Declare();
        var link = gateway.Open(Elsewhere);
        link.Attach(1, prefetch: 10);

        gateway.Slot.LetGo(Lost, gateway.Now);

        Assert.Equal(1, gateway.Queue.ConsumerCount);
        link.Publish(0, 1);
        Assert.Equal([0], link.GivenIds(1));
    }

    [Fact]
    public void LetGo_LastConsumerOfAnAutoDeleteQueue_TakesTheQueueWithIt()
    {
        var gateway = new TestGateway().Declare(autoDelete: true);
        gateway.Open(There).Attach(1);
        var other = gateway.Open(Elsewhere);

        gateway.Slot.LetGo(Lost, gateway.Now);
        gateway.DeliverPushes();

        Assert.Null(gateway.Slot.Queue);
        Assert.Equal(new EndedItem(LinkEnd.Deleted), other.Items[^1]);
    }

    [Fact]
    public void LetGo_QueueExclusiveToAConnectionThere_GoesThoughItHasNoLink()
    {
        var gateway = new TestGateway();
        Assert.Null(gateway.Slot.Declare(TestGateway.Declaration(There, exclusive: true), Guid.NewGuid(), 0).Error);

        gateway.Slot.LetGo("other", gateway.Now);
        Assert.NotNull(gateway.Slot.Queue);
        gateway.Slot.LetGo(Lost, gateway.Now);
        Assert.Null(gateway.Slot.Queue);
    }

    [Fact]
    public void LetGo_WithoutAQueue_DoesNothing()
    {
        var gateway = new TestGateway();
        gateway.Slot.LetGo(Lost, gateway.Now);
        Assert.True(gateway.Slot.IsEmpty);
    }
}
