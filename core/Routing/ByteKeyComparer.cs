using System.Buffers.Binary;
using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;

namespace Granary.Core.Routing;

/// <summary>
/// Compares byte strings, so that dictionaries of names and keys are looked up by spans of the wire without an allocation.
/// Clients choose the keys, so the hash is seeded anew in every process.
/// </summary>
public sealed class ByteKeyComparer : IEqualityComparer<byte[]>, IAlternateEqualityComparer<ReadOnlySpan<byte>, byte[]>
{
    private const ulong Multiplier = 0xA24BAED4963EE407;

    private static readonly ulong Seed = BinaryPrimitives.ReadUInt64LittleEndian(Guid.NewGuid().ToByteArray().AsSpan(8));

    public static readonly ByteKeyComparer Instance = new();

    private ByteKeyComparer()
    {
    }

    /// <summary>A hash of <paramref name="bytes"/>; <paramref name="seed"/> chains the hashes of several parts.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static int Hash(ReadOnlySpan<byte> bytes, int seed = 0)
    {
        var hash = Seed ^ (uint)seed ^ ((ulong)(uint)bytes.Length << 32);
        ref var start = ref MemoryMarshal.GetReference(bytes);
        var length = bytes.Length;
        var at = 0;
        for (; length - at >= sizeof(ulong); at += sizeof(ulong))
        {
            hash = Mix(hash ^ Unsafe.ReadUnaligned<ulong>(ref Unsafe.Add(ref start, at)));
        }

        var rest = length - at;
        if (rest > 0)
        {
            ulong tail;
            if (length >= sizeof(ulong))
            {
                tail = Unsafe.ReadUnaligned<ulong>(ref Unsafe.Add(ref start, length - sizeof(ulong)));
            }
            else if (rest >= sizeof(uint))
            {
                tail = Unsafe.ReadUnaligned<uint>(ref start) | ((ulong)Unsafe.ReadUnaligned<uint>(ref Unsafe.Add(ref start, length - sizeof(uint))) << 32);
            }
            else
            {
                tail = start | ((ulong)Unsafe.Add(ref start, rest >> 1) << 8) | ((ulong)Unsafe.Add(ref start, rest - 1) << 16);
            }

            hash = Mix(hash ^ tail);
        }

        return (int)(hash ^ (hash >> 32));
    }

    public bool Equals(byte[]? x, byte[]? y) => ReferenceEquals(x, y) || (x is not null && y is not null && x.AsSpan().SequenceEqual(y));

    public int GetHashCode(byte[] obj) => Hash(obj);

    public bool Equals(ReadOnlySpan<byte> alternate, byte[] other) => alternate.SequenceEqual(other);

    public int GetHashCode(ReadOnlySpan<byte> alternate) => Hash(alternate);

    public byte[] Create(ReadOnlySpan<byte> alternate) => alternate.ToArray();

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static ulong Mix(ulong value)
    {
        var high = Math.BigMul(value, Multiplier, out var low);
        return high ^ low;
    }
}
