namespace Granary.Core.Routing;

/// <summary>x-modulus-hash: each message to one of the bindings, by the hash of its routing key modulo their number. Keys of bindings say nothing.</summary>
internal sealed class ModulusHashMatcher : IBindingMatcher
{
    private readonly BindingList _bindings = new();

    public bool ReadsHeaders => false;

    public bool FollowsFromKey => true;

    public bool TakesOneKey => true;

    public void Add(ReadOnlySpan<byte> routingKey, EncodedTable arguments, RouteTarget target) => _bindings.Add(target);

    public bool Remove(ReadOnlySpan<byte> routingKey, EncodedTable arguments, RouteTarget target) => _bindings.Remove(target);

    public void Match(ReadOnlySpan<byte> routingKey, ReadOnlySpan<byte> headers, ReadOnlySpan<byte> properties, TargetCollector into)
    {
        if (_bindings.Count > 0)
        {
            into.Add(_bindings[(int)(StableHash.Of(routingKey) % (ulong)_bindings.Count)]);
        }
    }
}
