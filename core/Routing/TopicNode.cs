namespace Granary.Core.Routing;

/// <summary>One word of topic bindings, and the words that follow it.</summary>
internal sealed class TopicNode(bool isHash)
{
    private Dictionary<byte[], TopicNode>? _literals;
    private Dictionary<byte[], TopicNode>.AlternateLookup<ReadOnlySpan<byte>> _bySpan;

    /// <summary>This node is a <c>#</c>: it may take any number of words.</summary>
    public bool IsHash { get; } = isHash;

    public TopicNode? Star { get; private set; }

    public TopicNode? Hash { get; private set; }

    /// <summary>Where bindings that end here lead; null for none.</summary>
    public TargetCounts? Targets { get; set; }

    /// <summary>The last step of a match that reached this node.</summary>
    public long Stamp { get; set; }

    public bool IsLeafWithoutTargets => Targets is null && _literals is null && Star is null && Hash is null;

    public TopicNode? Find(ReadOnlySpan<byte> word) =>
        word.SequenceEqual("*"u8) ? Star : word.SequenceEqual("#"u8) ? Hash : FindLiteral(word);

    public TopicNode? FindLiteral(ReadOnlySpan<byte> word) =>
        _literals is not null && _bySpan.TryGetValue(word, out var node) ? node : null;

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

        if (_literals is null)
        {
            _literals = new Dictionary<byte[], TopicNode>(ByteKeyComparer.Instance);
            _bySpan = _literals.GetAlternateLookup<ReadOnlySpan<byte>>();
        }

        var node = new TopicNode(isHash: false);
        _bySpan[word] = node;
        return node;
    }

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
        else if (_literals is not null && _bySpan.Remove(word) && _literals.Count == 0)
        {
            _literals = null;
            _bySpan = default;
        }
    }
}
