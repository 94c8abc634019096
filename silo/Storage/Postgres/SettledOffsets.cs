using System.Buffers.Binary;
using System.Numerics;

namespace Granary.Silo.Storage.Postgres;

/// <summary>
/// Which messages of a queue are settled: all below <see cref="Low"/>, and above it what the bits of chunks of 1,024 say. Knows which chunks the database
/// has yet to be told. Written to by one caller at a time, read by many.
/// </summary>
internal sealed class SettledOffsets(long low)
{
    public const int ChunkBits = 1024;
    private const int ChunkBytes = ChunkBits / 8;
    private const int ChunkShift = 10;

    // Shared by all chunks that are full; never written to, as there is nothing left to set.
    private static readonly byte[] Full = CreateFull();

    private readonly Lock _gate = new();
    private readonly Dictionary<long, byte[]> _chunks = [];
    private readonly HashSet<long> _stored = [];
    private readonly HashSet<long> _dirty = [];
    private long _low = low;

    // Below it no chunk is stored.
    private long _passed;

    /// <summary>All offsets below it are settled, and the one at it is not.</summary>
    public long Low
    {
        get
        {
            lock (_gate)
            {
                return _low;
            }
        }
    }

    /// <summary>A chunk as the database has it.</summary>
    public void Load(long chunk, byte[] bits)
    {
        lock (_gate)
        {
            _chunks[chunk] = bits;
            _stored.Add(chunk);
            Advance();
        }
    }

    /// <param name="first">The first offset that is settled.</param>
    /// <param name="end">The first after it that is not.</param>
    /// <param name="isKept">Whether the database is to be told what lies above the low watermark; not, where no message is stored.</param>
    public void Add(long first, long end, bool isKept = true)
    {
        lock (_gate)
        {
            if (first > _low)
            {
                SetBits(first, end, isKept);
            }
            else if (end > _low)
            {
                _low = end;
                Advance();
            }
        }
    }

    /// <summary>The first stretch of unsettled offsets from <paramref name="from"/> to below <paramref name="end"/>.</summary>
    public bool TryFindUnsettled(long from, long end, out long first, out long last)
    {
        lock (_gate)
        {
            first = Find(Math.Max(from, _low), end, isSet: false);
            last = first < end ? Find(first, end, isSet: true) : end;
            return first < end;
        }
    }

    /// <summary>Hands over what the database has not been told yet: the bits of a chunk, or null where the low watermark has passed it.</summary>
    public void TakeChanges(Action<long, byte[]?> take)
    {
        lock (_gate)
        {
            if (_dirty.Count > 0)
            {
                foreach (var chunk in _dirty)
                {
                    take(chunk, _chunks[chunk]);
                    _stored.Add(chunk);
                }

                _dirty.Clear();
            }

            if (_passed < _low >> ChunkShift)
            {
                _passed = _low >> ChunkShift;
                foreach (var chunk in _stored)
                {
                    if (chunk < _passed)
                    {
                        take(chunk, null);
                        _stored.Remove(chunk);
                    }
                }
            }
        }
    }

    private void SetBits(long first, long end, bool isKept)
    {
        while (first < end)
        {
            var chunk = first >> ChunkShift;
            var from = (int)(first & (ChunkBits - 1));
            var to = (int)Math.Min(ChunkBits, from + end - first);
            if (from == 0 && to == ChunkBits)
            {
                _chunks[chunk] = Full;
            }
            else if (!_chunks.TryGetValue(chunk, out var bits) || bits != Full)
            {
                // A copy: the one that is there may be on its way to the database.
                bits = bits is null ? new byte[ChunkBytes] : [.. bits];
                Fill(bits, from, to);
                _chunks[chunk] = bits;
            }

            if (isKept)
            {
                _dirty.Add(chunk);
            }

            first += to - from;
        }
    }

    private void Advance()
    {
        if (_chunks.Count == 0)
        {
            return;
        }

        while (_chunks.ContainsKey(_low >> ChunkShift))
        {
            var end = ((_low >> ChunkShift) + 1) << ChunkShift;
            _low = Find(_low, end, isSet: false);
            if (_low < end)
            {
                break;
            }
        }

        foreach (var chunk in _chunks.Keys)
        {
            if (chunk < _low >> ChunkShift)
            {
                _chunks.Remove(chunk);
                _dirty.Remove(chunk);
            }
        }
    }

    // The first offset whose bit is as asked for, or the end.
    private long Find(long from, long end, bool isSet)
    {
        while (from < end)
        {
            var chunkEnd = Math.Min(end, ((from >> ChunkShift) + 1) << ChunkShift);
            if (!_chunks.TryGetValue(from >> ChunkShift, out var bits))
            {
                if (!isSet)
                {
                    return from;
                }
            }
            else
            {
                var found = (from & ~(ChunkBits - 1L)) + FindBit(bits, (int)(from & (ChunkBits - 1)), isSet);
                if (found < chunkEnd)
                {
                    return found;
                }
            }

            from = chunkEnd;
        }

        return end;
    }

    private static int FindBit(byte[] bits, int from, bool isSet)
    {
        for (var word = from / 64; word < ChunkBits / 64; word++)
        {
            var value = BinaryPrimitives.ReadUInt64LittleEndian(bits.AsSpan(word * 8));
            value = isSet ? value : ~value;
            if (word == from / 64)
            {
                value &= ulong.MaxValue << (from % 64);
            }

            if (value != 0)
            {
                return (word * 64) + BitOperations.TrailingZeroCount(value);
            }
        }

        return ChunkBits;
    }

    private static void Fill(byte[] bits, int from, int to)
    {
        for (; from < to && from % 8 != 0; from++)
        {
            bits[from / 8] |= (byte)(1 << (from % 8));
        }

        for (; to > from && to % 8 != 0; to--)
        {
            bits[(to - 1) / 8] |= (byte)(1 << ((to - 1) % 8));
        }

        bits.AsSpan(from / 8, (to - from) / 8).Fill(0xFF);
    }

    private static byte[] CreateFull()
    {
        var bits = new byte[ChunkBytes];
        bits.AsSpan().Fill(0xFF);
        return bits;
    }
}
