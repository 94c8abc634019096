using System.Buffers;
using System.Text;
using Granary.Core.Topology;

namespace Granary.Core.Routing;

/// <summary>All bindings of one exchange, ready to be matched. For one thread at a time.</summary>
/// <param name="arguments">Of the exchange.</param>
/// <param name="isLocal">Whether a queue is in this process; null: all are.</param>
/// <param name="ownQueue">The queue that the exchange has for itself, if it has one.</param>
internal sealed class BindingIndex(string exchangeType, EncodedTable arguments = default, Func<string, bool>? isLocal = null, string? ownQueue = null)
{
    private readonly IBindingMatcher _matcher = ExchangeTypes.CreateMatcher(exchangeType, arguments, isLocal ?? (static _ => true), ownQueue);
    private readonly Dictionary<(DestinationKind Kind, string Name), RouteTarget> _targets = [];
    private readonly TargetCollector _collector = new();

    public bool IsByTopic => exchangeType == ExchangeTypes.Topic;

    public bool ReadsHeaders => _matcher.ReadsHeaders;

    /// <summary>What matches one routing key once does so as long as the bindings stay.</summary>
    public bool FollowsFromKey => _matcher.FollowsFromKey;

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
    /// <param name="headers">The content of the message's headers table, or empty.</param>
    /// <param name="properties">The message's properties as on the wire, or empty.</param>
    public ReadOnlySpan<RouteTarget> Match(
        ReadOnlySpan<byte> routingKey, ReadOnlySpan<ReadOnlyMemory<byte>> moreKeys, ReadOnlySpan<byte> headers, ReadOnlySpan<byte> properties = default)
    {
        _collector.Begin();
        _matcher.Match(routingKey, headers, properties, _collector);
        if (!_matcher.TakesOneKey)
        {
            foreach (var key in moreKeys)
            {
                _matcher.Match(key.Span, headers, properties, _collector);
            }
        }

        return _collector.Found;
    }

    private static ReadOnlySpan<byte> Utf8(string text, out byte[] rented)
    {
        rented = ArrayPool<byte>.Shared.Rent(Encoding.UTF8.GetMaxByteCount(text.Length));
        return rented.AsSpan(0, Encoding.UTF8.GetBytes(text, rented));
    }
}
