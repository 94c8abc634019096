using System.Runtime.InteropServices;

namespace Granary.Node.Memory;

/// <summary>What .NET itself has from the C library's <c>malloc</c>.</summary>
internal static partial class NativeHeap
{
    // Not every C library has it: glibc does, musl does not.
    private static bool _canTrim = OperatingSystem.IsLinux();

    /// <summary>Gives pages back to the system that hold nothing any more: <c>free</c> does so only at an arena's end. How long it takes is in log 9101.</summary>
    public static void Trim()
    {
        try
        {
            _ = _canTrim && MallocTrim(0) != 0;
        }
        catch (EntryPointNotFoundException)
        {
            _canTrim = false;
        }
    }

    /// <param name="pad">Bytes to keep at the end of the first arena.</param>
    [LibraryImport("libc", EntryPoint = "malloc_trim")]
    private static partial int MallocTrim(nuint pad);
}
