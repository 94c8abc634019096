using System.Collections;

namespace Granary.Amqp;

/// <summary>An immutable array of field values, equal to another with equal values in the same order.</summary>
public sealed class FieldArray : IReadOnlyList<FieldValue>, IEquatable<FieldArray>
{
    private readonly FieldValue[] _values;

    public FieldArray(params ReadOnlySpan<FieldValue> values)
        : this(values.ToArray())
    {
    }

    private FieldArray(FieldValue[] values)
    {
        _values = values;
        foreach (var value in values)
        {
            ContentSize += 1 + value.Size;
        }
    }

    public static FieldArray Empty { get; } = new([]);

    public int Count => _values.Length;

    /// <summary>Octets on the wire without the length.</summary>
    public int ContentSize { get; }

    public FieldValue this[int index] => _values[index];

    /// <summary>Builds the array from its bytes without the four length octets.</summary>
    /// <exception cref="AmqpConnectionException">501: truncated, an unknown type letter, or nested too deeply.</exception>
    public static FieldArray Decode(ReadOnlySpan<byte> content, uint methodId = 0) => Decode(content, methodId, 1);

    public bool Equals(FieldArray? other) => other is not null && _values.AsSpan().SequenceEqual(other._values);

    public override bool Equals(object? obj) => Equals(obj as FieldArray);

    public override int GetHashCode()
    {
        var hash = new HashCode();
        foreach (var value in _values)
        {
            hash.Add(value);
        }

        return hash.ToHashCode();
    }

    public IEnumerator<FieldValue> GetEnumerator() => ((IEnumerable<FieldValue>)_values).GetEnumerator();

    IEnumerator IEnumerable.GetEnumerator() => GetEnumerator();

    /// <summary>For people and logs; not the wire.</summary>
    public override string ToString() => $"[{string.Join(", ", _values)}]";

    internal static FieldArray Decode(ReadOnlySpan<byte> content, uint methodId, int depth)
    {
        if (depth > FieldWire.MaxDepth)
        {
            DecodeError.TooDeep(FieldWire.MaxDepth, methodId);
        }

        var values = new List<FieldValue>();
        var reader = new FieldArrayReader(content, methodId);
        while (reader.MoveNext())
        {
            values.Add(FieldValue.Decode(reader.Kind, reader.Value, methodId, depth));
        }

        return values.Count == 0 ? Empty : new FieldArray(values.ToArray());
    }

    internal void Write(ref AmqpWriter writer)
    {
        writer.WriteLong((uint)ContentSize);
        foreach (var value in _values)
        {
            value.Write(ref writer);
        }
    }
}
