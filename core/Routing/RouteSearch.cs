using Granary.Core.Messages;
using Granary.Core.Topology;

namespace Granary.Core.Routing;

/// <summary>
/// One search for the queues of a publish: exchanges still to be asked, each once (so cycles of bindings end), and what was found.
/// Reused from search to search by one thread.
/// </summary>
internal sealed class RouteSearch
{
    private readonly List<byte[]> _exchanges = [];
    private readonly HashSet<byte[]> _seen = new(ByteKeyComparer.Instance);
    private readonly List<string> _queues = [];
    private readonly HashSet<string> _distinctQueues = new(StringComparer.Ordinal);
    private readonly List<RouteGeneration> _generations = [];
    private ExchangeCounts? _counts;
    private DeduplicationWindow? _window;
    private bool _dependsOnMore;
    private bool _complete;
    private bool _isByTopic;
    private int _next;

    public void Begin()
    {
        _exchanges.Clear();
        _seen.Clear();
        _queues.Clear();
        _distinctQueues.Clear();
        _generations.Clear();
        _counts = null;
        _window = null;
        _dependsOnMore = false;
        _complete = true;
        _isByTopic = false;
        _next = 0;
    }

    /// <summary>Takes what one exchange found, and its alternate exchange if that is nothing.</summary>
    public void Add(ReadOnlySpan<RouteTarget> found, byte[]? alternate, RouteGeneration generation, BindingIndex index, ExchangeCounts counts, DeduplicationWindow? window)
    {
        _counts ??= counts;
        _window = DeduplicationWindow.Widest(_window, window);

        // One exchange finds each queue once by itself.
        if (_generations.Count == 1)
        {
            _distinctQueues.UnionWith(_queues);
        }

        // The exchange that the message was published to comes first.
        _isByTopic |= _generations.Count == 0 && index.IsByTopic;
        _generations.Add(generation);
        _dependsOnMore |= !index.FollowsFromKey;
        foreach (var target in found)
        {
            if (target.Kind == DestinationKind.Exchange)
            {
                AddExchange(target.NameBytes);
            }
            else if (_generations.Count == 1 || _distinctQueues.Add(target.Name))
            {
                _queues.Add(target.Name);
            }
        }

        if (found.IsEmpty && alternate is { Length: > 0 })
        {
            AddExchange(alternate);
        }
    }

    /// <summary>An exchange on the way does not exist; it is passed over, but the result may not be memoized.</summary>
    public void PassOver() => _complete = false;

    /// <summary>The exchange that the message was published to, which no binding may lead back to.</summary>
    public void Start(ReadOnlySpan<byte> exchange)
    {
        var seen = _seen.GetAlternateLookup<ReadOnlySpan<byte>>();
        seen.Add(exchange);
    }

    public bool TryTakeExchange(out byte[] exchange)
    {
        exchange = _next < _exchanges.Count ? _exchanges[_next++] : [];
        return exchange.Length > 0;
    }

    public RoutePath ToPath() => RoutePath.Through(
        _queues.Count == 0 ? [] : [.. _queues], _complete, _dependsOnMore, _counts, System.Runtime.InteropServices.CollectionsMarshal.AsSpan(_generations), _isByTopic, _window);

    private void AddExchange(byte[] exchange)
    {
        if (_seen.Add(exchange))
        {
            _exchanges.Add(exchange);
        }
    }
}
