using System.Net.Sockets;
using System.Runtime.InteropServices;
using Microsoft.Win32.SafeHandles;

namespace Granary.Gateway.Sockets;

/// <summary>What happened at a socket; the values are Linux' (epoll_ctl(2)).</summary>
[Flags]
internal enum SocketEvents : uint
{
    None = 0,
    Readable = 0x1,
    Writable = 0x4,
    Failed = 0x8,
    HungUp = 0x10,
    PeerEnded = 0x2000,

    /// <summary>Nothing more will be announced after one of these.</summary>
    Ending = Failed | HungUp | PeerEnded,
}

/// <summary>
/// Linux' own way to wait for many sockets at once. System.Net.Sockets waits in the same way, but on threads of its own, which wake for every packet:
/// whoever waits here decides when to look.
/// </summary>
internal sealed partial class Epoll : IDisposable
{
    private const int MostEvents = 256;
    private const int CloseOnExec = 0x80000;
    private const int Add = 1;
    private const int Interrupted = 4;

    // Announced once for each time that something comes or room is made, however much of it is taken.
    private const uint EdgeTriggered = 1u << 31;
    private const long OwnId = 0;

    // The structure is packed on x64 alone: the events in 4 octets, then 8 that are the caller's.
    private static readonly int Stride = RuntimeInformation.ProcessArchitecture == Architecture.X64 ? 12 : 16;
    private static readonly int IdAt = Stride - sizeof(long);

    private readonly SafeFileHandle _handle;
    private readonly SafeFileHandle _waker;
    private readonly byte[] _events = GC.AllocateArray<byte>(MostEvents * Stride, pinned: true);

    /// <exception cref="IOException">The process has no file handle left.</exception>
    public Epoll()
    {
        _handle = Checked(Create(CloseOnExec));
        _waker = Checked(CreateWaker(0, CloseOnExec));
        Watch(_waker, OwnId, SocketEvents.Readable);
    }

    /// <summary>Has <see cref="Wait"/> announce what happens at a socket, from now on and until it is closed.</summary>
    /// <param name="id">What the socket is called here: above zero.</param>
    /// <exception cref="IOException">The system watches no more sockets.</exception>
    public void Watch(Socket socket, long id) => Watch(socket.SafeHandle, id, SocketEvents.Readable | SocketEvents.Writable | SocketEvents.PeerEnded);

    /// <summary>Holds up the calling thread for less than a second, and to the microsecond, which Thread.Sleep counts no shorter than a thousand of.</summary>
    public static void Sleep(TimeSpan time) => _ = Sleep((uint)time.TotalMicroseconds);

    /// <summary>Returns when something happens, or after <see cref="Wake"/>: how many <see cref="Event"/>s there are.</summary>
    public int Wait()
    {
        int count;
        while ((count = WaitForEvents(_handle, ref _events[0], MostEvents, Timeout.Infinite)) < 0)
        {
            if (Marshal.GetLastPInvokeError() != Interrupted)
            {
                throw Failure();
            }
        }

        return count;
    }

    /// <summary>An event of the last <see cref="Wait"/>; no socket has the id 0.</summary>
    public (long Id, SocketEvents What) Event(int index)
    {
        var octets = _events.AsSpan(index * Stride, Stride);
        return (MemoryMarshal.Read<long>(octets[IdAt..]), MemoryMarshal.Read<SocketEvents>(octets));
    }

    /// <summary>Makes <see cref="Wait"/> return, now or when it is called next.</summary>
    public void Wake()
    {
        var one = 1L;
        _ = Write(_waker, ref one, sizeof(long));
    }

    public void Dispose()
    {
        _waker.Dispose();
        _handle.Dispose();
    }

    private void Watch(SafeHandle handle, long id, SocketEvents what)
    {
        Span<byte> octets = stackalloc byte[Stride];
        MemoryMarshal.Write(octets, (uint)what | EdgeTriggered);
        MemoryMarshal.Write(octets[IdAt..], id);
        if (Control(_handle, Add, handle, ref MemoryMarshal.GetReference(octets)) != 0)
        {
            throw Failure();
        }
    }

    private static SafeFileHandle Checked(SafeFileHandle handle) => handle.IsInvalid ? throw Failure() : handle;

    private static IOException Failure() => new($"Sockets cannot be waited for: {Marshal.GetLastPInvokeErrorMessage()}");

    [LibraryImport("libc", EntryPoint = "epoll_create1", SetLastError = true)]
    private static partial SafeFileHandle Create(int flags);

    [LibraryImport("libc", EntryPoint = "eventfd", SetLastError = true)]
    private static partial SafeFileHandle CreateWaker(uint start, int flags);

    [LibraryImport("libc", EntryPoint = "epoll_ctl", SetLastError = true)]
    private static partial int Control(SafeHandle epoll, int operation, SafeHandle handle, ref byte what);

    [LibraryImport("libc", EntryPoint = "epoll_wait", SetLastError = true)]
    private static partial int WaitForEvents(SafeHandle epoll, ref byte events, int most, int milliseconds);

    [LibraryImport("libc", EntryPoint = "usleep")]
    private static partial int Sleep(uint microseconds);

    [LibraryImport("libc", EntryPoint = "write", SetLastError = true)]
    private static partial nint Write(SafeHandle handle, ref long octets, nint count);
}
