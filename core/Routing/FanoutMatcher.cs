namespace Granary.Core.Routing;

/// <summary>Fanout: every binding matches.</summary>
internal sealed class FanoutMatcher : IBindingMatcher
{
    private readonly TargetCounts _targets = new();

    public bool ReadsHeaders => false;

    public void Add(ReadOnlySpan<byte> routingKey, EncodedTable arguments, RouteTarget target) => _targets.Add(target);

    public bool Remove(ReadOnlySpan<byte> routingKey, EncodedTable arguments, RouteTarget target) => _targets.Remove(target);

    public void Match(ReadOnlySpan<byte> routingKey, ReadOnlySpan<byte> headers, ReadOnlySpan<byte> properties, TargetCollector into) => _targets.CollectInto(into);
}
