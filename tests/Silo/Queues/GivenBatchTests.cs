using Granary.Amqp;
using Granary.Core;
using Granary.Core.Links;

namespace Granary.Silo.Tests.Queues;

/// <summary>
/// A batch that the owner of an exclusive queue has had comes again, since its publisher had no answer when the activation was lost. It is in no store that the next
/// activation could ask: the owner knows.
/// </summary>
public sealed class GivenBatchTests
{
    private readonly SessionId _publisher = SessionId.New();
    private readonly SessionId _owner = SessionId.New();

    [Fact]
    public void Owner_GivenAll_IsToldThroughWhichBatches()
    {
        var gateway = new TestGateway().Declare(exclusive: true);
        var owner = gateway.Open(_owner, Consumer(noAck: true));
        var publisher = gateway.Open(_publisher, Publish(1, 0, 3), Publish(2, 3, 2));

        Assert.Equal([0, 1, 2, 3, 4], owner.GivenIds(1));
        Assert.Equal([new BatchProgress(_publisher, 2)], owner.GivenThrough);
        publisher.Send(Publish(3, 5, 1));
        Assert.Equal(new BatchProgress(_publisher, 3), owner.GivenThrough[^1]);
    }

    [Fact]
    public void Owner_WithSomethingLeftToCome_IsToldWhenItCame()
    {
        var gateway = new TestGateway().Declare(exclusive: true);
        var owner = gateway.Open(_owner, TestLink.Attachment(1, noAck: true, messages: 2));
        gateway.Open(_publisher, Publish(1, 0, 3));
        Assert.Empty(owner.GivenThrough);

        owner.Send(new WindowItem(1, new Window(1_000, 1 << 20)));

        Assert.Equal([new BatchProgress(_publisher, 1)], owner.GivenThrough);
    }

    [Fact]
    public void Owner_ThatAcknowledges_IsToldNothingWhileAnythingMayComeBack()
    {
        var gateway = new TestGateway().Declare(exclusive: true);
        var owner = gateway.Open(_owner, Consumer(noAck: false));
        gateway.Open(_publisher, Publish(1, 0, 3));

        Assert.Equal([0, 1, 2], owner.GivenIds(1));
        Assert.Empty(owner.GivenThrough);
    }

    [Fact]
    public void Queue_ThatOthersMayConsumeFrom_SaysNothing()
    {
        var gateway = new TestGateway().Declare();
        var owner = gateway.Open(_owner, Consumer(noAck: true));
        gateway.Open(_publisher, Publish(1, 0, 3));

        Assert.Equal([0, 1, 2], owner.GivenIds(1));
        Assert.Empty(owner.GivenThrough);
    }

    // What a link says first it says in the same words to the next activation, if the earlier one never answered: as not sent before.
    [Theory]
    [InlineData(true, true)]
    [InlineData(false, true)]
    [InlineData(true, false)]
    [InlineData(false, false)]
    public void Batch_ThatTheOwnerHasHad_IsLeftOutByTheNextActivationAndConfirmed(bool ownerIsFirst, bool isResent)
    {
        var next = new TestGateway().Declare(exclusive: true);
        TestLink owner, publisher;
        if (ownerIsFirst)
        {
            owner = Owner();
            publisher = Publisher();
        }
        else
        {
            publisher = Publisher();
            owner = Owner();
        }

        Assert.Equal([5, 6], owner.GivenIds(1));
        Assert.Equal(3, publisher.Items.OfType<PublishedItem>().Count(item => item.Refused is null));
        Assert.Equal(0, next.Queue.ReadyCount);
        Assert.Equal(next.Queue.NextOffset, publisher.Watermark);

        // Only the owner knows.
        TestLink Owner()
        {
            next.Given = [new BatchProgress(_publisher, 2)];
            return next.Open(_owner, Consumer(noAck: true));
        }

        TestLink Publisher()
        {
            next.Given = null;
            return next.Open(_publisher, Again(1, 0, 3), Again(2, 3, 2), Again(3, 5, 2));
        }

        PublishItem Again(long number, long first, int count) => Publish(number, first, count) with { Resent = isResent };
    }

    /// <summary>What was refused the owner cannot know; the publisher does, if it had the answer.</summary>
    [Fact]
    public void Batch_ThatTheOwnerHasHad_OfAQueueThatRefuses_IsConfirmedOnlyIfItWasAnswered()
    {
        var next = new TestGateway { Given = [new BatchProgress(_publisher, 2)] }.Declare(
            exclusive: true, arguments: EncodedTable.From(FieldTable.Of(("x-max-length", 3), ("x-overflow", "reject-publish"))));
        next.Resumed.UnionWith([_publisher, _owner]);
        next.Open(_owner, Consumer(noAck: true));
        next.Given = null;
        var publisher = next.Open(_publisher, Resent(1, 0, 2) with { WasTaken = true }, Resent(2, 2, 2));

        Assert.Equal(["", "0,1"], publisher.Items.OfType<PublishedItem>().Select(static item => string.Join(',', item.Refused ?? [])));
        Assert.Equal(0, next.Queue.NextOffset);
    }

    [Fact]
    public void Batch_OfAnotherPublisher_IsNotLeftOut()
    {
        var next = new TestGateway { Given = [new BatchProgress(SessionId.New(), 9)] }.Declare(exclusive: true);
        next.Resumed.UnionWith([_publisher, _owner]);
        next.Open(_publisher, Resent(1, 0, 3));

        Assert.Equal([0, 1, 2], next.Open(_owner, Consumer(noAck: true)).GivenIds(1));
    }

    private static AttachItem Consumer(bool noAck) => TestLink.Attachment(1, noAck);

    private static PublishItem Publish(long number, long first, int count) => new(Batches.Of(first, count), Resent: false) { Number = number };

    private static PublishItem Resent(long number, long first, int count) => Publish(number, first, count) with { Resent = true };
}
