namespace Granary.Core.Routing;

/// <summary>The words of a topic key, in place.</summary>
internal ref struct TopicWords(ReadOnlySpan<byte> key)
{
    private ReadOnlySpan<byte> _rest = key;
    private bool _ended = key.IsEmpty;

    public ReadOnlySpan<byte> Current { get; private set; }

    public readonly TopicWords GetEnumerator() => this;

    public bool MoveNext()
    {
        if (_ended)
        {
            return false;
        }

        var dot = _rest.IndexOf((byte)'.');
        if (dot < 0)
        {
            Current = _rest;
            _ended = true;
        }
        else
        {
            Current = _rest[..dot];
            _rest = _rest[(dot + 1)..];
        }

        return true;
    }
}
