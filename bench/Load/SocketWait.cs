using System.Diagnostics;
using System.Net.Sockets;
using System.Runtime.InteropServices;

namespace Granary.Bench.Load;

/// <summary>Waits for a socket or the clock with a precision that neither Socket.Poll nor Thread.Sleep has: both count whole milliseconds.</summary>
internal static class SocketWait
{
    private const short PollIn = 1;

    /// <summary>True when the socket became readable before the timestamp passed.</summary>
    public static bool UntilReadable(Socket socket, long timestamp)
    {
        var left = Stopwatch.GetElapsedTime(Stopwatch.GetTimestamp(), timestamp);
        if (left <= TimeSpan.Zero)
        {
            return false;
        }

        if (!OperatingSystem.IsLinux() || !Environment.Is64BitProcess)
        {
            return socket.Poll(left, SelectMode.SelectRead);
        }

        var descriptor = new PollDescriptor { Handle = (int)socket.Handle, Events = PollIn };
        return Ppoll(ref descriptor, 1, TimeSpec.Of(left), 0) > 0;
    }

    /// <summary>Returns when the timestamp has passed.</summary>
    public static void Until(long timestamp)
    {
        var left = Stopwatch.GetElapsedTime(Stopwatch.GetTimestamp(), timestamp);
        if (left <= TimeSpan.Zero)
        {
            return;
        }

        if (!OperatingSystem.IsLinux() || !Environment.Is64BitProcess)
        {
            Thread.Sleep(left);
            return;
        }

        var none = default(PollDescriptor);
        Ppoll(ref none, 0, TimeSpec.Of(left), 0);
    }

    [DllImport("libc", EntryPoint = "ppoll")]
    private static extern int Ppoll(ref PollDescriptor descriptors, ulong count, in TimeSpec timeout, nint signals);

    [StructLayout(LayoutKind.Sequential)]
    private struct PollDescriptor
    {
        public int Handle;
        public short Events;
        public short Returned;
    }

    [StructLayout(LayoutKind.Sequential)]
    private struct TimeSpec
    {
        public long Seconds;
        public long Nanoseconds;

        public static TimeSpec Of(TimeSpan time) =>
            new() { Seconds = (long)time.TotalSeconds, Nanoseconds = (time.Ticks % TimeSpan.TicksPerSecond) * 100 };
    }
}
