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

    // A stretch of so many full chunks is noted as one.
    private const int WideChunks = 64;

    // Shared by all chunks that are full; never written to, as there is nothing left to set.
    private static readonly byte[] Full = CreateFull();

    private readonly Lock _gate = new();
    private readonly Dictionary<long, byte[]> _chunks = [];
    private readonly List<(long First, long End)> _wide = [];
    private readonly HashSet<long> _stored = [];
    private readonly HashSet<long> _dirty = [];
    private readonly HashSet<long> _unsynced = [];
    private long _low = low;

    // Chunks below these are in memory, and in the database, no more.
    private long _cleared;
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
    /// <param name="storedEnd">No message is stored at or above it; the database need not know what is settled there.</param>
    public void Add(long first, long end, long storedEnd)
    {
        lock (_gate)
        {
            if (first > _low)
            {
                SetBits(first, end, storedEnd);
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
                    take(chunk, BitsOf(chunk));
                    _stored.Add(chunk);
                    _unsynced.Add(chunk);
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
                        _unsynced.Add(chunk);
                    }
                }
            }
        }
    }

    /// <summary>All that was handed over is on the database's disk.</summary>
    public void NoteSynced()
    {
        lock (_gate)
        {
            _unsynced.Clear();
        }
    }

    /// <summary>What was handed over since <see cref="NoteSynced"/> may be gone with a crash of the database: it is handed over again.</summary>
    public void NoteLost()
    {
        lock (_gate)
        {
            foreach (var chunk in _unsynced)
            {
                (chunk < _passed ? _stored : _dirty).Add(chunk);
            }

            _passed = 0;
        }
    }

    private void SetBits(long first, long end, long storedEnd)
    {
        while (first < end)
        {
            if (WideEnd(first) is { } known)
            {
                // Billions of offsets between two activations, which a purge may span: nothing is stored there that the database would have to know of.
                first = known;
                continue;
            }

            var chunk = first >> ChunkShift;
            var from = (int)(first & (ChunkBits - 1));
            var to = (int)Math.Min(ChunkBits, from + end - first);
            if (from == 0 && first >= storedEnd && end - first >= WideChunks * ChunkBits)
            {
                var wideEnd = end & ~(ChunkBits - 1L);
                _wide.Add((first, wideEnd));
                RemoveChunks(chunk, wideEnd >> ChunkShift);
                first = wideEnd;
                continue;
            }

            if (from == 0 && to == ChunkBits)
            {
                _chunks[chunk] = Full;
            }
            else if (BitsOf(chunk) is var bits && bits != Full)
            {
                // A copy: the one that is there may be on its way to the database.
                bits = bits is null ? new byte[ChunkBytes] : [.. bits];
                Fill(bits, from, to);
                _chunks[chunk] = bits;
            }

            if (first < storedEnd)
            {
                _dirty.Add(chunk);
            }

            first += to - from;
        }
    }

    /// <summary>Where the wide stretch ends that an offset is in, if it is in one: they begin and end with chunks.</summary>
    private long? WideEnd(long offset)
    {
        foreach (var (first, end) in _wide)
        {
            if (first <= offset && offset < end)
            {
                return end;
            }
        }

        return null;
    }

    private byte[]? BitsOf(long chunk) =>
        _chunks.TryGetValue(chunk, out var bits) ? bits
        : WideEnd(chunk << ChunkShift) is not null ? Full
        : null;

    private void Advance()
    {
        if (_chunks.Count == 0 && _wide.Count == 0)
        {
            return;
        }

        _low = Find(_low, long.MaxValue, isSet: false);
        var passed = _low >> ChunkShift;
        if (passed > _cleared)
        {
            _cleared = passed;
            _wide.RemoveAll(wide => wide.End <= _low);
            _dirty.RemoveWhere(chunk => chunk < passed);
            RemoveChunks(0, passed);
        }
    }

    private void RemoveChunks(long first, long end)
    {
        foreach (var chunk in _chunks.Keys)
        {
            if (chunk >= first && chunk < end)
            {
                _chunks.Remove(chunk);
            }
        }
    }

    // The first offset whose bit is as asked for, or the end.
    private long Find(long from, long end, bool isSet)
    {
        while (from < end)
        {
            var bits = BitsOf(from >> ChunkShift);
            if (bits is null && !isSet)
            {
                return from;
            }

            var chunkEnd = Math.Min(end, ((from >> ChunkShift) + 1) << ChunkShift);
            if (bits is not null)
            {
                var found = (from & ~(ChunkBits - 1L)) + FindBit(bits, (int)(from & (ChunkBits - 1)), isSet);
                if (found < chunkEnd)
                {
                    return found;
                }
            }

            from = !isSet && WideEnd(from) is { } wideEnd ? Math.Min(end, wideEnd) : chunkEnd;
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
