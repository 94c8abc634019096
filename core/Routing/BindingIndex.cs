using System.Buffers;
using System.Text;
using Granary.Core.Topology;

namespace Granary.Core.Routing;

/// <summary>All bindings of one exchange, ready to be matched. For one thread at a time.</summary>
internal sealed class BindingIndex(string exchangeType)
{
    private readonly IBindingMatcher _matcher = ExchangeTypes.CreateMatcher(exchangeType);
    private readonly Dictionary<(DestinationKind Kind, string Name), RouteTarget> _targets = [];
    private readonly TargetCollector _collector = new();

    public bool IsByTopic => exchangeType == ExchangeTypes.Topic;

    public bool ReadsHeaders => _matcher.ReadsHeaders;

    public void Add(Binding binding)
    {
        var name = (binding.Destination.Kind, binding.Destination.Name);
        if (!_targets.TryGetValue(name, out var target))
        {
            target = new RouteTarget(name.Kind, name.Name);
            _targets.Add(name, target);
        }

        target.Bindings++;
        var key = Utf8(binding.RoutingKey, out var rented);
        _matcher.Add(key, binding.Arguments, target);
        ArrayPool<byte>.Shared.Return(rented);
    }

    /// <summary>Takes a binding that was added away; false if there is none like it.</summary>
    public bool Remove(Binding binding)
    {
        var name = (binding.Destination.Kind, binding.Destination.Name);
        if (!_targets.TryGetValue(name, out var target))
        {
            return false;
        }

        var key = Utf8(binding.RoutingKey, out var rented);
        var removed = _matcher.Remove(key, binding.Arguments, target);
        ArrayPool<byte>.Shared.Return(rented);
        if (removed && --target.Bindings == 0)
        {
            _targets.Remove(name);
        }

        return removed;
    }

    /// <summary>Where a message with these keys goes, each target once. Valid until the next match.</summary>
    /// <param name="moreKeys">The keys of CC and BCC.</param>
    public ReadOnlySpan<RouteTarget> Match(ReadOnlySpan<byte> routingKey, ReadOnlySpan<ReadOnlyMemory<byte>> moreKeys, ReadOnlySpan<byte> headers)
    {
        _collector.Begin();
        _matcher.Match(routingKey, headers, _collector);
        foreach (var key in moreKeys)
        {
            _matcher.Match(key.Span, headers, _collector);
        }

        return _collector.Found;
    }

    private static ReadOnlySpan<byte> Utf8(string text, out byte[] rented)
    {
        rented = ArrayPool<byte>.Shared.Rent(Encoding.UTF8.GetMaxByteCount(text.Length));
        return rented.AsSpan(0, Encoding.UTF8.GetBytes(text, rented));
    }
}
