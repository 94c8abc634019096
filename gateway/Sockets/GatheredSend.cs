using System.Buffers;
using System.Net.Sockets;
using System.Runtime.InteropServices;

namespace Granary.Gateway.Sockets;

/// <summary>One send of parts that are in different places. Linux' own call: System.Net.Sockets takes nothing but lists of arrays, and allocates for each.</summary>
internal sealed partial class GatheredSend(Socket socket)
{
    private const int MostParts = 32;

    // More than a socket takes at once.
    private const int MostOctets = 4 * 1024 * 1024;
    private const int NoSignal = 0x4000;
    private const int Interrupted = 4;
    private const int TryAgain = 11;

    private readonly ReadOnlyMemory<byte>[] _parts = new ReadOnlyMemory<byte>[MostParts];
    private readonly MemoryHandle[] _pins = new MemoryHandle[MostParts];
    private int _count;
    private int _octets;

    public void Clear()
    {
        _parts.AsSpan(0, _count).Clear();
        (_count, _octets) = (0, 0);
    }

    /// <summary>Adds a part behind the others; false when it has to wait for the next send. An empty one counts for nothing.</summary>
    public bool TryAdd(ReadOnlyMemory<byte> octets)
    {
        if (_count == MostParts || _octets >= MostOctets)
        {
            return false;
        }

        if (!octets.IsEmpty)
        {
            _parts[_count++] = octets;
            _octets += octets.Length;
        }

        return true;
    }

    /// <summary>Sends as much as the socket takes without waiting.</summary>
    public int Send(out SocketError error)
    {
        try
        {
            return _count == 1 ? socket.Send(_parts[0].Span, SocketFlags.None, out error) : SendParts(out error);
        }
        catch (ObjectDisposedException)
        {
            // Cut by Abort.
            error = SocketError.NotConnected;
            return 0;
        }
    }

    private unsafe int SendParts(out SocketError error)
    {
        var vectors = stackalloc Vector[MostParts];
        try
        {
            for (var i = 0; i < _count; i++)
            {
                _pins[i] = _parts[i].Pin();
                vectors[i] = new Vector { Start = _pins[i].Pointer, Length = _parts[i].Length };
            }

            var message = new Message { Vectors = vectors, Count = _count };
            nint sent;
            do
            {
                sent = SendMessage(socket.SafeHandle, &message, NoSignal);
            }
            while (sent < 0 && Marshal.GetLastPInvokeError() == Interrupted);

            error = sent >= 0 ? SocketError.Success : Marshal.GetLastPInvokeError() == TryAgain ? SocketError.WouldBlock : SocketError.ConnectionReset;
            return (int)Math.Max(sent, 0);
        }
        finally
        {
            foreach (ref var pin in _pins.AsSpan(0, _count))
            {
                pin.Dispose();
                pin = default;
            }
        }
    }

    [LibraryImport("libc", EntryPoint = "sendmsg", SetLastError = true)]
    private static unsafe partial nint SendMessage(SafeHandle socket, Message* message, int flags);

    // struct iovec
    private unsafe struct Vector
    {
        public void* Start;
        public nint Length;
    }

    // struct msghdr
    private unsafe struct Message
    {
        public void* Name;
        public nint NameLength;
        public Vector* Vectors;
        public nint Count;
        public void* Control;
        public nint ControlLength;
        public int Flags;
    }
}
