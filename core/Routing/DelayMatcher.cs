using Granary.Core.Messages;
using Granary.Core.Topology;

namespace Granary.Core.Routing;

/// <summary>
/// x-delayed-message: a message with a delay goes to the exchange's own queue, where it stays until it is due; any other one at once where the bindings lead, by the
/// rules of another type. What was due comes again with a delay below 0.
/// </summary>
/// <param name="type">What stands for the type that the exchange's arguments name.</param>
/// <param name="queue">The exchange's own queue.</param>
internal sealed class DelayMatcher(IBindingMatcher type, string queue) : IBindingMatcher
{
    private readonly RouteTarget _delayed = new(DestinationKind.Queue, queue);

    public bool ReadsHeaders => true;

    public bool TakesOneKey => type.TakesOneKey;

    public void Add(ReadOnlySpan<byte> routingKey, EncodedTable arguments, RouteTarget target) => type.Add(routingKey, arguments, target);

    public bool Remove(ReadOnlySpan<byte> routingKey, EncodedTable arguments, RouteTarget target) => type.Remove(routingKey, arguments, target);

    public void Match(ReadOnlySpan<byte> routingKey, ReadOnlySpan<byte> headers, ReadOnlySpan<byte> properties, TargetCollector into)
    {
        if (DelayHeader.Of(headers) > 0)
        {
            into.Add(_delayed);
        }
        else
        {
            type.Match(routingKey, headers, properties, into);
        }
    }
}
