namespace Granary.Amqp;

/// <summary>Reads an array in place, value by value (a type letter and the value, as in a table without keys), building nothing.</summary>
/// <param name="content">The array without its four length octets.</param>
/// <param name="methodId">The method that errors name, 0 for none.</param>
public ref struct FieldArrayReader(ReadOnlySpan<byte> content, uint methodId = 0)
{
    private readonly ReadOnlySpan<byte> _content = content;
    private readonly uint _methodId = methodId;
    private int _next;

    public FieldKind Kind { get; private set; }

    /// <summary>The octets of the current value, for S, x, A and F without their length.</summary>
    public ReadOnlySpan<byte> Value { get; private set; }

    /// <summary>Goes to the next value; false at the end.</summary>
    /// <exception cref="AmqpConnectionException">501: truncated, or an unknown type letter.</exception>
    public bool MoveNext()
    {
        if (_next == _content.Length)
        {
            return false;
        }

        var kind = (FieldKind)_content[_next];
        if (!FieldWire.TryTake(_content[(_next + 1)..], kind, out var value, out var size))
        {
            DecodeError.Undecodable(_content, _methodId);
        }

        Kind = kind;
        Value = value;
        _next += 1 + size;
        return true;
    }

    /// <summary>The current value as a number, if it is an integer of any width.</summary>
    public readonly bool TryGetInteger(out long number) => FieldWire.TryGetInteger(Kind, Value, out number);

    /// <summary>Builds the current value.</summary>
    /// <exception cref="AmqpConnectionException">501: something nested in it cannot be decoded.</exception>
    public readonly FieldValue ToFieldValue() => FieldValue.Decode(Kind, Value, _methodId);
}
