using System.Buffers.Binary;

namespace Granary.Core.Routing;

/// <summary>A hash that is the same in every process and every version: what is routed by it goes to one place, through whichever gateway it comes. It may never change.</summary>
internal static class StableHash
{
    private const ulong Basis = 0xCBF29CE484222325;
    private const ulong Prime = 0x100000001B3;

    /// <summary>FNV-1a with 64 bits, mixed once more so that all bits are as good.</summary>
    public static ulong Of(ReadOnlySpan<byte> bytes)
    {
        var hash = Basis;
        foreach (var octet in bytes)
        {
            hash = (hash ^ octet) * Prime;
        }

        return Mix(hash);
    }

    public static ulong Of(long number)
    {
        Span<byte> bytes = stackalloc byte[sizeof(long)];
        BinaryPrimitives.WriteInt64LittleEndian(bytes, number);
        return Of(bytes);
    }

    /// <summary>Two hashes as one.</summary>
    public static ulong Of(ulong left, ulong right) => Mix(left ^ (right * 0x9E3779B97F4A7C15));

    /// <summary>The finalizer of SplitMix64.</summary>
    private static ulong Mix(ulong value)
    {
        value = (value ^ (value >> 30)) * 0xBF58476D1CE4E5B9;
        value = (value ^ (value >> 27)) * 0x94D049BB133111EB;
        return value ^ (value >> 31);
    }
}
