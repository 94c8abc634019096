namespace Granary.Core.Routing;

/// <summary>Direct: the binding's key is the routing key.</summary>
internal sealed class DirectMatcher : IBindingMatcher
{
    private readonly Dictionary<byte[], TargetCounts> _byKey = new(ByteKeyComparer.Instance);
    private readonly Dictionary<byte[], TargetCounts>.AlternateLookup<ReadOnlySpan<byte>> _bySpan;

    public DirectMatcher() => _bySpan = _byKey.GetAlternateLookup<ReadOnlySpan<byte>>();

    public bool ReadsHeaders => false;

    public void Add(ReadOnlySpan<byte> routingKey, EncodedTable arguments, RouteTarget target)
    {
        if (!_bySpan.TryGetValue(routingKey, out var targets))
        {
            targets = new TargetCounts();
            _bySpan[routingKey] = targets;
        }

        targets.Add(target);
    }

    public bool Remove(ReadOnlySpan<byte> routingKey, EncodedTable arguments, RouteTarget target)
    {
        if (!_bySpan.TryGetValue(routingKey, out var targets) || !targets.Remove(target))
        {
            return false;
        }

        if (targets.IsEmpty)
        {
            _bySpan.Remove(routingKey);
        }

        return true;
    }

    public void Match(ReadOnlySpan<byte> routingKey, ReadOnlySpan<byte> headers, ReadOnlySpan<byte> properties, TargetCollector into)
    {
        if (_bySpan.TryGetValue(routingKey, out var targets))
        {
            targets.CollectInto(into);
        }
    }
}
