namespace Granary.Amqp;

/// <summary>
/// Reads a table in place, entry by entry, building nothing.
/// <code>
/// entry:  | key length (1) | key | type letter (1) | value |
/// value:  fixed size by letter, or for S x A F: | length (4) | content |
/// </code>
/// </summary>
/// <param name="content">The table without its four length octets.</param>
/// <param name="methodId">The method that errors name, 0 for none.</param>
public ref struct FieldTableReader(ReadOnlySpan<byte> content, uint methodId = 0)
{
    private readonly ReadOnlySpan<byte> _content = content;
    private readonly uint _methodId = methodId;
    private int _next;

    /// <summary>The octets of the current key.</summary>
    public ReadOnlySpan<byte> Key { get; private set; }

    public FieldKind Kind { get; private set; }

    /// <summary>The octets of the current value, for S, x, A and F without their length.</summary>
    public ReadOnlySpan<byte> Value { get; private set; }

    /// <summary>Where the current entry starts in the content.</summary>
    public int Start { get; private set; }

    /// <summary>Where the current entry ends in the content.</summary>
    public readonly int End => _next;

    /// <summary>Goes to the next entry; false at the end.</summary>
    /// <exception cref="AmqpConnectionException">501: truncated, or an unknown type letter.</exception>
    public bool MoveNext()
    {
        if (_next == _content.Length)
        {
            return false;
        }

        var keyStart = _next + 1;
        var letter = keyStart + _content[_next];
        if (letter >= _content.Length)
        {
            DecodeError.Undecodable(_content, _methodId);
        }

        var kind = (FieldKind)_content[letter];
        if (!FieldWire.TryTake(_content[(letter + 1)..], kind, out var value, out var size))
        {
            DecodeError.Undecodable(_content, _methodId);
        }

        Start = _next;
        Key = _content[keyStart..letter];
        Kind = kind;
        Value = value;
        _next = letter + 1 + size;
        return true;
    }

    /// <summary>Goes on to the last entry with this key, which is the one that counts; false if there is none.</summary>
    /// <exception cref="AmqpConnectionException">501: an entry on the way cannot be decoded.</exception>
    public bool MoveTo(ReadOnlySpan<byte> key)
    {
        var found = false;
        var at = this;
        while (MoveNext())
        {
            if (Key.SequenceEqual(key))
            {
                found = true;
                at = this;
            }
        }

        if (found)
        {
            this = at;
        }

        return found;
    }

    /// <summary>The current value as a number, if it is an integer of any width.</summary>
    public readonly bool TryGetInteger(out long number) => FieldWire.TryGetInteger(Kind, Value, out number);

    /// <summary>Builds the current value.</summary>
    /// <exception cref="AmqpConnectionException">501: something nested in it cannot be decoded.</exception>
    public readonly FieldValue ToFieldValue() => FieldValue.Decode(Kind, Value, _methodId);
}
