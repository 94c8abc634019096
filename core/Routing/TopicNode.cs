namespace Granary.Core.Routing;

/// <summary>One word of topic bindings, and the words that follow it.</summary>
internal sealed class TopicNode(bool isHash)
{
    // Most nodes have one child, or none: only the second makes a dictionary, which is then kept down to none.
    private byte[]? _onlyWord;
    private TopicNode? _onlyLiteral;
    private Dictionary<byte[], TopicNode>? _literals;

    /// <summary>This node is a <c>#</c>: it may take any number of words.</summary>
    public bool IsHash { get; } = isHash;

    public TopicNode? Star { get; private set; }

    public TopicNode? Hash { get; private set; }

    /// <summary>Where bindings that end here lead; null for none.</summary>
    public TargetCounts? Targets { get; set; }

    /// <summary>The last step of a match that reached this node.</summary>
    public long Stamp { get; set; }

    public bool IsLeafWithoutTargets => Targets is null && _literals is null && _onlyWord is null && Star is null && Hash is null;

    public TopicNode? Find(ReadOnlySpan<byte> word) =>
        word.SequenceEqual("*"u8) ? Star : word.SequenceEqual("#"u8) ? Hash : FindLiteral(word);

    public TopicNode? FindLiteral(ReadOnlySpan<byte> word)
    {
        if (_literals is not null)
        {
            return _literals.GetAlternateLookup<ReadOnlySpan<byte>>().TryGetValue(word, out var node) ? node : null;
        }

        return _onlyWord is not null && word.SequenceEqual(_onlyWord) ? _onlyLiteral : null;
    }

    public TopicNode GetOrAdd(ReadOnlySpan<byte> word)
    {
        if (word.SequenceEqual("*"u8))
        {
            return Star ??= new TopicNode(isHash: false);
        }

        if (word.SequenceEqual("#"u8))
        {
            return Hash ??= new TopicNode(isHash: true);
        }

        if (FindLiteral(word) is { } found)
        {
            return found;
        }

        var node = new TopicNode(isHash: false);
        if (_literals is not null)
        {
            _literals.Add(word.ToArray(), node);
        }
        else if (_onlyWord is null)
        {
            (_onlyWord, _onlyLiteral) = (word.ToArray(), node);
        }
        else
        {
            _literals = new Dictionary<byte[], TopicNode>(ByteKeyComparer.Instance) { [_onlyWord] = _onlyLiteral!, [word.ToArray()] = node };
            (_onlyWord, _onlyLiteral) = (null, null);
        }

        return node;
    }

    /// <summary>Takes away a child that there is.</summary>
    public void Remove(ReadOnlySpan<byte> word)
    {
        if (word.SequenceEqual("*"u8))
        {
            Star = null;
        }
        else if (word.SequenceEqual("#"u8))
        {
            Hash = null;
        }
        else if (_literals is null)
        {
            (_onlyWord, _onlyLiteral) = (null, null);
        }
        else
        {
            _literals.GetAlternateLookup<ReadOnlySpan<byte>>().Remove(word);
            _literals = _literals.Count == 0 ? null : _literals;
        }
    }
}
