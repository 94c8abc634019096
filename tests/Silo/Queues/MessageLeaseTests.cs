using Granary.Amqp;
using Granary.Core;
using Granary.Core.Figures;
using Granary.Core.Links;
using Granary.Silo.Queues.Definition;

namespace Granary.Silo.Tests.Queues;

/// <summary>What queues have to do with the leases of deliveries (x-message-lease), of which gateways keep the time.</summary>
public sealed class MessageLeaseTests
{
    [Fact]
    public void Lease_OfQueueAndPolicy_IsToldToWhoHasALink()
    {
        var gateway = Declare(("x-message-lease", 5_000));
        var link = gateway.Open();
        gateway.Apply("""{"message-lease":2000}""");
        gateway.Apply("""{"message-lease":9000}""");
        Assert.Equal([5_000, 2_000, 5_000], link.Items.OfType<OpenedItem>().Select(opened => opened.MessageLease));
    }

    [Fact]
    public void Message_WhoseLeaseIsOver_ReturnsToItsPlaceAndIsCounted()
    {
        var gateway = Declare();
        var link = gateway.Open();
        link.Attach(1, prefetch: 2);
        link.Publish(0, 3);
        link.Send(new SettleItem(Settlement.Requeue, [new OffsetRange(0, 1), new OffsetRange(7, 2)]) { IsLeaseOver = true });

        Assert.Equal([(0, false), (1, false), (0, true)], TestLink.Given(link.Items, 1));
        Assert.Equal((1, 1), (gateway.Queue.Figures[QueueCount.LeaseEnd], gateway.Queue.Figures[QueueCount.Requeue]));
        link.Settle(Settlement.Requeue, (1, 1));
        Assert.Equal((1, 2), (gateway.Queue.Figures[QueueCount.LeaseEnd], gateway.Queue.Figures[QueueCount.Requeue]));
    }

    [Fact]
    public void Message_WhoseLeaseIsOverMoreOftenThanTheDeliveryLimit_IsGone()
    {
        var gateway = Declare(("x-queue-type", "quorum"), ("x-delivery-limit", 1));
        var link = gateway.Open();
        link.Attach(1, prefetch: 1);
        link.Publish(0, 1);
        for (var i = 0; i < 2; i++)
        {
            link.Send(new SettleItem(Settlement.Requeue, [new OffsetRange(0, 1)]) { IsLeaseOver = true });
        }

        Assert.Equal([(0, false), (0, true)], TestLink.Given(link.Items, 1));
        Assert.Equal((0, 1), (gateway.Queue.ReadyCount, gateway.Queue.Figures[QueueCount.Exhaust]));
    }

    [Fact]
    public void Consumer_WithALeaseOfItsOwn_IsAttachedIfThatCanBe()
    {
        Assert.Null(Attach(Declare(), 1));
        Assert.Null(Attach(Declare(("x-queue-type", "quorum")), 315_360_000_000));
        Assert.Equal("invalid arg 'x-message-lease' for queue 'q' in vhost '/': {value_zero,0}", Attach(Declare(), 0));
        Assert.Equal("invalid arg 'x-message-lease' for queue 'q' in vhost '/': {value_too_large,315360000001}", Attach(Declare(), 315_360_000_001));
        Assert.Equal("invalid arg 'x-message-lease' for queue 'q' in vhost '/': \"expected integer, got longstr\"", Attach(Declare(), "1"));
        Assert.Equal("invalid arg 'x-message-lease' for queue 'q' in vhost '/' of queue type rabbit_stream_queue", Attach(Declare(("x-queue-type", "stream")), 1));
    }

    [Theory]
    [InlineData(0, "{value_zero,0}")]
    [InlineData(-1, "{value_negative,-1}")]
    [InlineData(315_360_000_001, "{value_too_large,315360000001}")]
    public void Argument_OutOfRange_IsRefused(long value, string why) =>
        Assert.Equal($"invalid arg 'x-message-lease' for queue 'q' in vhost '/': {why}", Refusal(("x-message-lease", value)));

    [Fact]
    public void Argument_OfAStream_IsRefused() => Assert.Equal(
        "invalid arg 'x-message-lease' for queue 'q' in vhost '/' of queue type rabbit_stream_queue", Refusal(("x-queue-type", "stream"), ("x-message-lease", 5)));

    private static string? Refusal(params (string, FieldValue)[] arguments) =>
        QueueDefinition.From("/", "q", TestGateway.Declaration(default, durable: true, arguments: EncodedTable.From(FieldTable.Of(arguments)))).Error?.Explanation;

    private static TestGateway Declare(params (string, FieldValue)[] arguments) =>
        new TestGateway().Declare(durable: true, arguments: EncodedTable.From(FieldTable.Of(arguments)));

    private static string? Attach(TestGateway gateway, FieldValue lease)
    {
        var attach = TestLink.Attachment(1, prefetch: 1) with { Arguments = EncodedTable.From(FieldTable.Of(("x-message-lease", lease))) };
        return Assert.Single(gateway.Open().Send(attach).OfType<AttachedItem>()).Error?.Explanation;
    }
}
