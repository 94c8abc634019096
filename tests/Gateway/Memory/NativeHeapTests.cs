using System.Runtime.InteropServices;
using Granary.Node.Memory;

namespace Granary.Gateway.Tests.Memory;

public sealed class NativeHeapTests
{
    // Small enough to be in the heap, and not to be mapped each by itself.
    private const int Size = 64 * 1024;
    private const int Blocks = 1600;

    [Fact]
    public void Trim_AfterManyBlocksWereFreed_GivesTheirMemoryBack()
    {
        // What is measured is the whole process, in which other tests may take as much at the same moment, but not each time.
        List<long> given = [];
        while (given.Count == 0 || (given[^1] <= Blocks * (long)Size / 2 && given.Count < 5))
        {
            given.Add(GivenBack());
        }

        Assert.True(given[^1] > Blocks * (long)Size / 2, $"{string.Join(", ", given)} bytes were given back");
    }

    private static long GivenBack()
    {
        var blocks = new nint[Blocks];
        for (var i = 0; i < blocks.Length; i++)
        {
            blocks[i] = Marshal.AllocHGlobal(Size);
            for (var page = 0; page < Size; page += 4096)
            {
                Marshal.WriteByte(blocks[i], page, 1);
            }
        }

        // What is in use at the end keeps the C library from giving anything back by itself.
        for (var i = 0; i < blocks.Length - 1; i++)
        {
            Marshal.FreeHGlobal(blocks[i]);
        }

        var before = Environment.WorkingSet;
        NativeHeap.Trim();
        var after = Environment.WorkingSet;
        Marshal.FreeHGlobal(blocks[^1]);
        return before - after;
    }
}
