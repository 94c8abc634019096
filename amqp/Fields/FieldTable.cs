using System.Collections;

namespace Granary.Amqp;

/// <summary>
/// An immutable field table. Entries keep their order and duplicates, so that it is written as it was read; lookup gives the last entry with a
/// key. Equal are tables with equal entries, whatever the order of different keys.
/// </summary>
public sealed class FieldTable : IReadOnlyList<KeyValuePair<string, FieldValue>>, IEquatable<FieldTable>
{
    private readonly KeyValuePair<string, FieldValue>[] _entries;

    /// <exception cref="ArgumentException">A key has more than 255 bytes of UTF-8.</exception>
    public FieldTable(IEnumerable<KeyValuePair<string, FieldValue>> entries)
        : this(entries.ToArray())
    {
    }

    private FieldTable(KeyValuePair<string, FieldValue>[] entries)
    {
        _entries = entries;
        foreach (var (key, value) in entries)
        {
            ContentSize += AmqpWriter.SizeOfShortString(key) + 1 + value.Size;
        }
    }

    public static FieldTable Empty { get; } = new([]);

    public int Count => _entries.Length;

    /// <summary>Octets on the wire without the four of the length.</summary>
    public int ContentSize { get; }

    public KeyValuePair<string, FieldValue> this[int index] => _entries[index];

    /// <summary>A table with these entries in this order.</summary>
    public static FieldTable Of(params ReadOnlySpan<(string Key, FieldValue Value)> entries)
    {
        var copy = new KeyValuePair<string, FieldValue>[entries.Length];
        for (var i = 0; i < entries.Length; i++)
        {
            copy[i] = KeyValuePair.Create(entries[i].Key, entries[i].Value);
        }

        return new FieldTable(copy);
    }

    /// <summary>Builds the table from its bytes without the four length octets.</summary>
    /// <exception cref="AmqpConnectionException">501: truncated, an unknown type letter, or nested too deeply.</exception>
    public static FieldTable Decode(ReadOnlySpan<byte> content, uint methodId = 0) => Decode(content, methodId, 1);

    /// <summary>The bytes of the table without the four length octets.</summary>
    public byte[] Encode()
    {
        var content = new byte[ContentSize];
        var writer = new AmqpWriter(content);
        WriteContent(ref writer);
        return content;
    }

    /// <summary>The value of the last entry with this key.</summary>
    public bool TryGetValue(string key, out FieldValue value)
    {
        for (var i = _entries.Length - 1; i >= 0; i--)
        {
            if (string.Equals(_entries[i].Key, key, StringComparison.Ordinal))
            {
                value = _entries[i].Value;
                return true;
            }
        }

        value = default;
        return false;
    }

    public bool ContainsKey(string key) => TryGetValue(key, out _);

    /// <summary>This table with the key set: at the place of its last entry, other entries with it gone, or at the end.</summary>
    public FieldTable With(string key, FieldValue value)
    {
        var last = Array.FindLastIndex(_entries, entry => entry.Key == key);
        var set = KeyValuePair.Create(key, value);
        var entries = _entries.Index()
            .Where(entry => entry.Item.Key != key || entry.Index == last)
            .Select(entry => entry.Index == last ? set : entry.Item);
        return new FieldTable(last < 0 ? entries.Append(set) : entries);
    }

    /// <summary>This table without any entry with the key.</summary>
    public FieldTable Without(string key) => ContainsKey(key) ? new FieldTable(_entries.Where(entry => entry.Key != key)) : this;

    public bool Equals(FieldTable? other)
    {
        if (ReferenceEquals(this, other))
        {
            return true;
        }

        if (other is null || Count != other.Count || ContentSize != other.ContentSize)
        {
            return false;
        }

        return SameEntries(_entries, other._entries) || SameEntries(Sorted(_entries), Sorted(other._entries));
    }

    public override bool Equals(object? obj) => Equals(obj as FieldTable);

    public override int GetHashCode()
    {
        // A sum, because order does not count.
        var hash = Count;
        foreach (var (key, value) in _entries)
        {
            hash = unchecked(hash + HashCode.Combine(key, value));
        }

        return hash;
    }

    public IEnumerator<KeyValuePair<string, FieldValue>> GetEnumerator() => ((IEnumerable<KeyValuePair<string, FieldValue>>)_entries).GetEnumerator();

    IEnumerator IEnumerable.GetEnumerator() => GetEnumerator();

    /// <summary>For people and logs; not the wire.</summary>
    public override string ToString() => $"{{{string.Join(", ", _entries.Select(entry => $"{entry.Key}: {entry.Value}"))}}}";

    internal static FieldTable Decode(ReadOnlySpan<byte> content, uint methodId, int depth)
    {
        if (depth > FieldWire.MaxDepth)
        {
            DecodeError.TooDeep(FieldWire.MaxDepth, methodId);
        }

        if (content.IsEmpty)
        {
            return Empty;
        }

        var entries = new List<KeyValuePair<string, FieldValue>>();
        var reader = new FieldTableReader(content, methodId);
        while (reader.MoveNext())
        {
            entries.Add(KeyValuePair.Create(ShortText.Decode(reader.Key), FieldValue.Decode(reader.Kind, reader.Value, methodId, depth)));
        }

        return new FieldTable(entries.ToArray());
    }

    internal void WriteContent(ref AmqpWriter writer)
    {
        foreach (var (key, value) in _entries)
        {
            writer.WriteShortString(key);
            value.Write(ref writer);
        }
    }

    private static bool SameEntries(KeyValuePair<string, FieldValue>[] left, KeyValuePair<string, FieldValue>[] right)
    {
        for (var i = 0; i < left.Length; i++)
        {
            if (left[i].Key != right[i].Key || left[i].Value != right[i].Value)
            {
                return false;
            }
        }

        return true;
    }

    // The sort is stable, so that duplicates compare in their order.
    private static KeyValuePair<string, FieldValue>[] Sorted(KeyValuePair<string, FieldValue>[] entries) =>
        [.. entries.OrderBy(entry => entry.Key, StringComparer.Ordinal)];
}
