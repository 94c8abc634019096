using Granary.Amqp;
using Granary.Core.Links;
using Granary.Silo.Queues;
using Granary.Silo.Queues.Definition;

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

    private void ComeBack() => _gateway.Slot.RestoreEmpty(
        QueueDefinition.Stored("/", "q", TestGateway.Declaration(default)), Guid.NewGuid(), [], storage: null, firstOffset: 100, _gateway.Now);

    private void RunDueAfter(long milliseconds)
    {
        _gateway.Now += milliseconds;
        _gateway.Slot.RunDue(_gateway.Now);
        _gateway.DeliverPushes();
    }
}
