using Granary.Amqp;
using Granary.Core.Links;
using Granary.Core.Messages;

namespace Granary.Silo.Tests.Queues;

/// <summary>Quorum queues whose messages wait before they are delivered again, and what their consumers are given in time.</summary>
internal static class DelayedRetries
{
    /// <summary>Of a quorum queue in which every return waits, unless <paramref name="more"/> says which.</summary>
    public static FieldTable Arguments(params (string Name, FieldValue Value)[] more)
    {
        (string, FieldValue)[] type = more.Any(static one => one.Name == "x-delayed-retry-type") ? [] : [("x-delayed-retry-type", "all")];
        return FieldTable.Of([("x-queue-type", "quorum"), .. type, .. more]);
    }

    /// <summary>What the link's first consumer is given when so much time has passed: ids, whether redelivered, how often they came back.</summary>
    public static (long Id, bool Redelivered, long Count)[] After(this TestGateway gateway, TestLink link, long milliseconds)
    {
        var before = link.Items.Count;
        gateway.Now += milliseconds;
        gateway.Slot.RunDue(gateway.Now);
        gateway.DeliverPushes();
        gateway.Pump();
        return
        [
            .. link.Items.Skip(before).OfType<DeliveryItem>().SelectMany(static item => item.Slices)
                .SelectMany(static slice => Batches.Ids(slice).Select(id => (id, slice.Redelivered, CountOf(slice)))),
        ];
    }

    /// <summary>The header x-delivery-count of the first message.</summary>
    public static long CountOf(DeliverySlice slice) =>
        BasicPropertiesView.Read(new MessageRecord(slice.Batch.Records.Span).Properties).TryGetHeaders(out var headers)
        && FieldTable.Decode(headers).TryGetValue("x-delivery-count", out var value) && value.TryGetInteger(out var count)
            ? count
            : 0;
}
