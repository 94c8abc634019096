using System.Buffers.Binary;
using System.Runtime.InteropServices;
using Granary.Node.Memory;

namespace Granary.Gateway.Tests.Memory;

public sealed class NativeHeapTests
{
    // Small enough to be in the heap, and not to be mapped each by itself.
    private const int Size = 64 * 1024;

    [Fact]
    public void Trim_AfterManyBlocksWereFreed_GivesTheirMemoryBack()
    {
        var blocks = new nint[1600];
        for (var i = 0; i < blocks.Length; i++)
        {
            blocks[i] = Marshal.AllocHGlobal(Size);
            for (var page = 0; page < Size; page += Environment.SystemPageSize)
            {
                Marshal.WriteByte(blocks[i], page, 1);
            }
        }

        // What is in use at the end keeps the C library from giving anything back by itself.
        for (var i = 0; i < blocks.Length - 1; i++)
        {
            Marshal.FreeHGlobal(blocks[i]);
        }

        var before = CountBytesInMemory(blocks);
        NativeHeap.Trim();
        var after = CountBytesInMemory(blocks);
        Marshal.FreeHGlobal(blocks[^1]);
        Assert.True(before - after > blocks.Length * (long)Size / 2, $"{before - after} bytes of {before} were given back");
    }

    /// <summary>How many bytes of these blocks the process has memory for, whether or not they are allocated: other tests may take and free memory meanwhile.</summary>
    private static long CountBytesInMemory(nint[] blocks)
    {
        // Eight bytes for each page: it is in memory if the highest bit is set, and swapped out if the next one is.
        const int entry = sizeof(ulong);
        var (count, size) = (0L, Environment.SystemPageSize);
        var entries = new byte[Size / size * entry];
        using var map = File.OpenHandle("/proc/self/pagemap");
        foreach (var block in blocks)
        {
            // Only pages that are in the block as a whole.
            var (first, end) = ((block + size - 1) / size, (block + Size) / size);
            var pages = (int)(end - first);
            Assert.Equal(pages * entry, RandomAccess.Read(map, entries.AsSpan(0, pages * entry), (long)first * entry));
            for (var i = 0; i < pages; i++)
            {
                count += BinaryPrimitives.ReadUInt64LittleEndian(entries.AsSpan(i * entry)) >> 62 != 0 ? size : 0;
            }
        }

        return count;
    }
}
