using System.Diagnostics.CodeAnalysis;
using System.Runtime.CompilerServices;
using Granary.Core.Routing;

namespace Granary.Gateway.Routing;

/// <summary>
/// What a connection remembers per (exchange, routing key): found by the bytes on the wire, without an allocation. When it is full it starts
/// over, so that keys of the past cost nothing and no key has to be chosen. For one thread at a time.
/// </summary>
internal sealed class PathCache<TPath>(int capacity = PathCache<TPath>.DefaultCapacity)
    where TPath : class
{
    public const int DefaultCapacity = 16 * 1024;

    private const int FirstEntries = 16;
    private const int FirstNameBytes = 512;

    // Long keys by the thousand are no use to remember.
    private const int MostNameBytes = 1024 * 1024;

    private Entry[] _entries = [];
    private int[] _slots = [];
    private byte[] _names = [];
    private int _nameBytes;

    public int Count { get; private set; }

    public bool TryGet(ReadOnlySpan<byte> exchange, ReadOnlySpan<byte> routingKey, [NotNullWhen(true)] out TPath? path)
    {
        if (Count > 0)
        {
            var at = Find(exchange, routingKey, HashOf(exchange, routingKey));
            if (at >= 0)
            {
                path = _entries[at].Path;
                return true;
            }
        }

        path = null;
        return false;
    }

    /// <summary>Remembers a path, instead of the one before if there is one. Names have at most 255 bytes each.</summary>
    public void Set(ReadOnlySpan<byte> exchange, ReadOnlySpan<byte> routingKey, TPath path)
    {
        var hash = HashOf(exchange, routingKey);
        if (Count > 0)
        {
            var at = Find(exchange, routingKey, hash);
            if (at >= 0)
            {
                _entries[at].Path = path;
                return;
            }
        }

        var nameLength = exchange.Length + routingKey.Length;
        if (Count == capacity || _nameBytes + nameLength > MostNameBytes)
        {
            Clear();
        }

        if (Count == _entries.Length)
        {
            GrowEntries();
        }

        if (_nameBytes + nameLength > _names.Length)
        {
            Array.Resize(ref _names, Math.Max(Math.Max(_names.Length * 2, FirstNameBytes), _nameBytes + nameLength));
        }

        exchange.CopyTo(_names.AsSpan(_nameBytes));
        routingKey.CopyTo(_names.AsSpan(_nameBytes + exchange.Length));
        _entries[Count] = new Entry(hash, _nameBytes, (byte)exchange.Length, (byte)routingKey.Length, path);
        _nameBytes += nameLength;
        File(Count++);
    }

    public void Clear()
    {
        _entries.AsSpan(0, Count).Clear();
        _slots.AsSpan().Clear();
        _nameBytes = 0;
        Count = 0;
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static int HashOf(ReadOnlySpan<byte> exchange, ReadOnlySpan<byte> routingKey) =>
        ByteKeyComparer.Hash(routingKey, ByteKeyComparer.Hash(exchange));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private int Find(ReadOnlySpan<byte> exchange, ReadOnlySpan<byte> routingKey, int hash)
    {
        var slots = _slots;
        var mask = slots.Length - 1;
        for (var slot = hash & mask; ; slot = (slot + 1) & mask)
        {
            var index = slots[slot] - 1;
            if (index < 0)
            {
                return -1;
            }

            ref var entry = ref _entries[index];
            if (entry.Hash == hash && entry.ExchangeLength == exchange.Length && entry.KeyLength == routingKey.Length)
            {
                var name = _names.AsSpan(entry.NameStart, entry.ExchangeLength + entry.KeyLength);
                if (name[exchange.Length..].SequenceEqual(routingKey) && name[..exchange.Length].SequenceEqual(exchange))
                {
                    return index;
                }
            }
        }
    }

    private void File(int index)
    {
        var mask = _slots.Length - 1;
        var slot = _entries[index].Hash & mask;
        while (_slots[slot] != 0)
        {
            slot = (slot + 1) & mask;
        }

        _slots[slot] = index + 1;
    }

    private void GrowEntries()
    {
        Array.Resize(ref _entries, Math.Max(_entries.Length * 2, FirstEntries));
        _slots = new int[_entries.Length * 2];
        for (var i = 0; i < Count; i++)
        {
            File(i);
        }
    }

    private struct Entry(int hash, int nameStart, byte exchangeLength, byte keyLength, TPath path)
    {
        public readonly int Hash = hash;
        public readonly int NameStart = nameStart;
        public readonly byte ExchangeLength = exchangeLength;
        public readonly byte KeyLength = keyLength;
        public TPath Path = path;
    }
}
