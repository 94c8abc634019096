namespace Granary.Core.Routing;

/// <summary>
/// Topic: a trie over the words of the binding keys, walked by the set of nodes that the words so far may have led to. A node is in the set
/// once, however many ways lead there, so a key of many <c>#</c> costs words times nodes at the most.
/// Words are what dots separate and may be empty; the empty key has no word at all (rabbit_db_topic_exchange, split_topic_key).
/// </summary>
internal sealed class TopicMatcher : IBindingMatcher
{
    private readonly TopicNode _root = new(isHash: false);
    private readonly List<TopicNode> _path = [];
    private List<TopicNode> _reached = [];
    private List<TopicNode> _next = [];
    private long _stamp;

    public bool ReadsHeaders => false;

    public void Add(ReadOnlySpan<byte> routingKey, EncodedTable arguments, RouteTarget target)
    {
        var node = _root;
        foreach (var word in new TopicWords(routingKey))
        {
            node = node.GetOrAdd(word);
        }

        node.Targets ??= new TargetCounts();
        node.Targets.Add(target);
    }

    public bool Remove(ReadOnlySpan<byte> routingKey, EncodedTable arguments, RouteTarget target)
    {
        _path.Clear();
        var node = _root;
        foreach (var word in new TopicWords(routingKey))
        {
            _path.Add(node);
            if (node.Find(word) is not { } child)
            {
                return false;
            }

            node = child;
        }

        if (node.Targets is null || !node.Targets.Remove(target))
        {
            return false;
        }

        if (node.Targets.IsEmpty)
        {
            node.Targets = null;
            Prune(routingKey, node);
        }

        return true;
    }

    public void Match(ReadOnlySpan<byte> routingKey, ReadOnlySpan<byte> headers, ReadOnlySpan<byte> properties, TargetCollector into)
    {
        _reached.Clear();
        _stamp++;
        Reach(_reached, _root);
        foreach (var word in new TopicWords(routingKey))
        {
            _next.Clear();
            _stamp++;
            foreach (var node in _reached)
            {
                if (node.IsHash)
                {
                    Reach(_next, node);
                }

                if (node.FindLiteral(word) is { } literal)
                {
                    Reach(_next, literal);
                }

                if (node.Star is { } star)
                {
                    Reach(_next, star);
                }
            }

            (_reached, _next) = (_next, _reached);
            if (_reached.Count == 0)
            {
                return;
            }
        }

        foreach (var node in _reached)
        {
            node.Targets?.CollectInto(into);
        }
    }

    // A # below a node takes no word just as well.
    private void Reach(List<TopicNode> set, TopicNode? node)
    {
        while (node is not null && node.Stamp != _stamp)
        {
            node.Stamp = _stamp;
            set.Add(node);
            node = node.Hash;
        }
    }

    // From the end of the key upwards, as long as nodes carry nothing: the words are read again for each level, which is rare and short.
    private void Prune(ReadOnlySpan<byte> routingKey, TopicNode node)
    {
        for (var depth = _path.Count - 1; depth >= 0 && node.IsLeafWithoutTargets; depth--)
        {
            var last = routingKey.LastIndexOf((byte)'.');
            _path[depth].Remove(routingKey[(last + 1)..]);
            routingKey = last < 0 ? default : routingKey[..last];
            node = _path[depth];
        }

        _path.Clear();
    }
}
