using Granary.Amqp;
using Granary.Core.Links;
using Granary.Silo.Queues;
using Granary.Silo.Queues.Definition;
using Granary.Silo.Queues.Messages;

namespace Granary.Silo.Tests.Queues;

/// <summary>A queue that is not durable has come back on another silo, empty: who had consumers there nobody knows before they come again.</summary>
public sealed class CameBackTests
{
    private readonly TestGateway _gateway = new();
    private readonly SessionId _holder = SessionId.New();
    private readonly SessionId _other = SessionId.New();

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public void ConsumerThatIsNewAndWantsTheQueueForItself_WaitsForTheOneThatMayHaveIt(bool hasHolder)
    {
        ComeBack();
        var newcomer = _gateway.Open(_other, TestLink.Attachment(1, exclusive: true));
        Assert.Empty(newcomer.Items);
        Assert.Equal(_gateway.Now + Recovery.Patience, _gateway.Slot.NextDue);
        var holder = hasHolder ? _gateway.Open(_holder, 2, TestLink.Attachment(7, exclusive: true)) : null;

        RunDueAfter(Recovery.Patience);

        Assert.Null(holder?.Items.OfType<AttachedItem>().Single().Error);
        Assert.Equal(hasHolder ? ReplyCode.AccessRefused : (ReplyCode?)null, Assert.Single(newcomer.Items.OfType<AttachedItem>()).Error?.Code);
    }

    [Fact]
    public void ConsumerThatIsNewAndSharesTheQueue_IsServedAtOnce()
    {
        ComeBack();
        var newcomer = _gateway.Open(_other, TestLink.Attachment(1));
        newcomer.Publish(0, 1);
        Assert.Equal([0], newcomer.GivenIds(1));
    }

    /// <summary>Its last consumer was lost together with its silo, or went meanwhile.</summary>
    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public void AutoDeleteQueue_ThatNobodyConsumesAnyMore_GoesWhenThoseWhoMayComeAreGivenUp(bool comesAgain)
    {
        ComeBack(autoDelete: true, hadConsumer: true);
        if (comesAgain)
        {
            _gateway.Open(_holder, 2, TestLink.Attachment(7)).Send(new DetachItem(7));
        }

        RunDueAfter(Recovery.PatienceInCluster - 1);
        Assert.NotNull(_gateway.Slot.Queue);
        Assert.Equal(_gateway.Now + 1, _gateway.Slot.NextDue);
        RunDueAfter(1);
        Assert.Null(_gateway.Slot.Queue);
    }

    [Fact]
    public void AutoDeleteQueue_WhoseConsumerGoesBeforeAnotherHasComeAgain_StaysUntilThatOneGoes()
    {
        ComeBack(autoDelete: true, hadConsumer: true);
        _gateway.Open(_holder, 2, TestLink.Attachment(7)).Send(new DetachItem(7));
        Assert.NotNull(_gateway.Slot.Queue);
        var other = _gateway.Open(_other, 2, TestLink.Attachment(1));

        RunDueAfter(Recovery.PatienceInCluster);
        Assert.NotNull(_gateway.Slot.Queue);
        other.Send(new DetachItem(1));
        Assert.Null(_gateway.Slot.Queue);
    }

    [Fact]
    public void AutoDeleteQueue_ThatHasNeverBeenConsumed_WaitsForItsFirstConsumer()
    {
        ComeBack(autoDelete: true);
        RunDueAfter(Recovery.PatienceInCluster);
        Assert.NotNull(_gateway.Slot.Queue);
        Assert.Equal(MessageRun.Never, _gateway.Slot.NextDue);

        _gateway.Open(_other, TestLink.Attachment(1)).Send(new DetachItem(1));
        Assert.Null(_gateway.Slot.Queue);
    }

    /// <summary>Its consumers are waited for, and no others.</summary>
    [Fact]
    public void AutoDeleteQueue_ThatWasHandedOver_GoesWithTheLastOfThoseWhoHadConsumers()
    {
        ComeBack(autoDelete: true, hadConsumer: true, areConsumersKnown: true);
        _gateway.Queue.Await([_holder, _other], _gateway.Now + Recovery.PatienceInCluster);
        _gateway.Open(_holder, 2, TestLink.Attachment(7)).Send(new DetachItem(7));
        RunDueAfter(1);
        Assert.NotNull(_gateway.Slot.Queue);

        var other = _gateway.Open(_other, 2, TestLink.Attachment(1));
        RunDueAfter(1);
        Assert.NotNull(_gateway.Slot.Queue);
        other.Send(new DetachItem(1));
        Assert.Null(_gateway.Slot.Queue);
    }

    [Fact]
    public void AutoDeleteQueue_ThatWasHandedOverByConsumersWhoDoNotCome_GoesWhenTheyAreGivenUp()
    {
        ComeBack(autoDelete: true, hadConsumer: true, areConsumersKnown: true);
        _gateway.Queue.Await([_holder], _gateway.Now + Recovery.PatienceInCluster);
        RunDueAfter(Recovery.PatienceInCluster - 1);
        Assert.NotNull(_gateway.Slot.Queue);

        RunDueAfter(1);
        RunDueAfter(0);
        Assert.Null(_gateway.Slot.Queue);
    }

    [Fact]
    public void ComingBack_IsOverWhenThoseWhoMayComeAreGivenUp()
    {
        ComeBack(autoDelete: true);
        Assert.False(_gateway.Queue.AreConsumersKnown(_gateway.Now));
        RunDueAfter(Recovery.PatienceInCluster - 1);
        Assert.False(_gateway.Queue.AreConsumersKnown(_gateway.Now));
        RunDueAfter(1);
        Assert.True(_gateway.Queue.AreConsumersKnown(_gateway.Now));
    }

    private void ComeBack(bool autoDelete = false, bool hadConsumer = false, bool areConsumersKnown = false) => _gateway.Slot.RestoreEmpty(
        QueueDefinition.Stored("/", "q", TestGateway.Declaration(default, autoDelete: autoDelete)), Guid.NewGuid(), [], storage: null, firstOffset: 100, _gateway.Now,
        areConsumersKnown, hadConsumer);

    private void RunDueAfter(long milliseconds)
    {
        _gateway.Now += milliseconds;
        _gateway.Slot.RunDue(_gateway.Now);
        _gateway.DeliverPushes();
    }
}
