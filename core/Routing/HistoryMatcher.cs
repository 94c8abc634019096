using Granary.Core.Topology;

namespace Granary.Core.Routing;

/// <summary>x-recent-history: every binding matches, and the exchange's own queue keeps the message besides, for those that are bound later.</summary>
/// <param name="queue">The exchange's own queue.</param>
internal sealed class HistoryMatcher(string queue) : IBindingMatcher
{
    private readonly FanoutMatcher _bound = new();
    private readonly RouteTarget _history = new(DestinationKind.Queue, queue);

    public bool ReadsHeaders => true;

    public void Add(ReadOnlySpan<byte> routingKey, EncodedTable arguments, RouteTarget target) => _bound.Add(routingKey, arguments, target);

    public bool Remove(ReadOnlySpan<byte> routingKey, EncodedTable arguments, RouteTarget target) => _bound.Remove(routingKey, arguments, target);

    public void Match(ReadOnlySpan<byte> routingKey, ReadOnlySpan<byte> headers, ReadOnlySpan<byte> properties, TargetCollector into)
    {
        _bound.Match(routingKey, headers, properties, into);
        if (!RecentHistoryRules.IsNotKept(headers))
        {
            into.Add(_history);
        }
    }
}
