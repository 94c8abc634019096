using Granary.Amqp;

namespace Granary.Core.Routing;

/// <summary>The entries of one message's headers, found by key; of entries with one key the last counts. Reused from message to message.</summary>
internal sealed class MessageHeaders
{
    private const int NotFound = -1;
    private const int FirstCapacity = 8;

    // One message of thousands of headers must not make every later one clear as many slots.
    private const int KeptCapacity = 128;

    private Entry[] _entries = new Entry[FirstCapacity];
    private int[] _slots = new int[FirstCapacity * 2];

    public int Count { get; private set; }

    /// <exception cref="AmqpConnectionException">501: the table cannot be decoded.</exception>
    public void Read(ReadOnlySpan<byte> headers)
    {
        Count = 0;
        if (_entries.Length <= KeptCapacity)
        {
            _slots.AsSpan().Clear();
        }
        else
        {
            _entries = new Entry[FirstCapacity];
            _slots = new int[FirstCapacity * 2];
        }

        var reader = new FieldTableReader(headers);
        while (reader.MoveNext())
        {
            var entry = new Entry(reader.Start, reader.End - reader.Start, reader.Kind, ByteKeyComparer.Hash(reader.Key));
            var at = IndexOf(headers, reader.Key, entry.Hash);
            if (at != NotFound)
            {
                _entries[at] = entry;
                continue;
            }

            if (Count == _entries.Length)
            {
                Grow();
            }

            _entries[Count] = entry;
            File(Count++);
        }
    }

    /// <summary>The entry as on the wire.</summary>
    public ReadOnlySpan<byte> EntryAt(int index, ReadOnlySpan<byte> headers, out FieldKind kind)
    {
        ref var entry = ref _entries[index];
        kind = entry.Kind;
        return headers.Slice(entry.Start, entry.Length);
    }

    /// <summary>The message has the entry, or, for presence, the key.</summary>
    public bool Satisfies(ReadOnlySpan<byte> headers, ReadOnlySpan<byte> condition, HeaderScratch scratch)
    {
        var key = condition.Slice(1, condition[0]);
        var at = IndexOf(headers, key, ByteKeyComparer.Hash(key));
        if (at == NotFound)
        {
            return false;
        }

        return condition.Length == 1 + key.Length
            || HeaderEntry.Canonical(EntryAt(at, headers, out var kind), kind, scratch).SequenceEqual(condition);
    }

    private int IndexOf(ReadOnlySpan<byte> headers, ReadOnlySpan<byte> key, int hash)
    {
        for (var slot = hash & (_slots.Length - 1); _slots[slot] != 0; slot = (slot + 1) & (_slots.Length - 1))
        {
            ref var entry = ref _entries[_slots[slot] - 1];
            if (entry.Hash == hash && headers[entry.Start] == key.Length && headers.Slice(entry.Start + 1, key.Length).SequenceEqual(key))
            {
                return _slots[slot] - 1;
            }
        }

        return NotFound;
    }

    private void File(int index)
    {
        var slot = _entries[index].Hash & (_slots.Length - 1);
        while (_slots[slot] != 0)
        {
            slot = (slot + 1) & (_slots.Length - 1);
        }

        _slots[slot] = index + 1;
    }

    private void Grow()
    {
        Array.Resize(ref _entries, _entries.Length * 2);
        _slots = new int[_entries.Length * 2];
        for (var i = 0; i < Count; i++)
        {
            File(i);
        }
    }

    private readonly record struct Entry(int Start, int Length, FieldKind Kind, int Hash);
}
