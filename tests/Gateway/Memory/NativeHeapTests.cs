using System.Runtime.InteropServices;
using Granary.Node.Memory;

namespace Granary.Gateway.Tests.Memory;

public sealed class NativeHeapTests
{
    [Fact]
    public void Trim_AfterManyBlocksWereFreed_GivesTheirMemoryBack()
    {
        // Small enough to be in the heap, and not to be mapped each by itself.
        const int size = 64 * 1024;
        var blocks = new nint[1600];
        for (var i = 0; i < blocks.Length; i++)
        {
            blocks[i] = Marshal.AllocHGlobal(size);
            for (var page = 0; page < size; page += 4096)
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
        Assert.True(before - after > blocks.Length * (long)size / 2, $"{before - after} bytes were given back");
    }
}
