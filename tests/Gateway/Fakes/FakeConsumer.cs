using Granary.Core;
using Granary.Core.Links;

namespace Granary.Gateway.Tests.Fakes;

/// <summary>A consumer that writes down what happens to it.</summary>
internal sealed class FakeConsumer(string tag = "c", bool noAck = false) : LinkConsumer(tag, noAck)
{
    /// <summary>In order; a delivery is its bodies.</summary>
    public List<string> Events { get; } = [];

    public override void OnDelivery(DeliverySlice[] slices)
    {
        foreach (var slice in slices)
        {
            Events.Add($"{slice.FirstOffset}: {string.Join(' ', Messages.Bodies(slice.Batch))}");
        }
    }

    protected override void OnAttached(BrokerError? error) => Events.Add(error is null ? "attached" : error.Explanation);

    protected override void OnDetached() => Events.Add("detached");

    protected override void OnEnded() => Events.Add("ended");

    public override void OnReady() => Events.Add("ready");

    public override void OnUnused(int count) => Events.Add($"unused {count}");
}
