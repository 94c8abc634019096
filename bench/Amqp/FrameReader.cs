using System.Buffers.Binary;
using System.Net.Sockets;

namespace Granary.Bench.Amqp;

/// <summary>Cuts what a socket receives into frames, without copying them out.</summary>
internal sealed class FrameReader(Socket socket, int bufferSize)
{
    private const int MaxPayload = 1 << 20;

    private byte[] _buffer = new byte[bufferSize];
    private int _start;
    private int _end;

    /// <summary>The next frame that is there in full; false when more bytes are needed.</summary>
    public bool TryRead(out Frame frame)
    {
        var bytes = _buffer.AsSpan(_start, _end - _start);
        if (bytes.Length < Frame.Overhead)
        {
            frame = default;
            return false;
        }

        var length = BinaryPrimitives.ReadUInt32BigEndian(bytes[3..]);
        if (length > MaxPayload)
        {
            throw new BrokerException($"the broker sent a frame of {length} bytes, or something that is no AMQP");
        }

        var whole = (int)length + Frame.Overhead;
        if (bytes.Length < whole)
        {
            EnsureRoomFor(whole);
            frame = default;
            return false;
        }

        if (bytes[whole - 1] != Frame.End)
        {
            throw new BrokerException("the broker sent a frame without its end octet");
        }

        frame = new Frame(bytes[0], bytes.Slice(7, (int)length));
        _start += whole;
        return true;
    }

    /// <summary>Receives once, waiting as long as the socket's receive timeout; false when nothing came in that time.</summary>
    public bool Fill()
    {
        Compact();
        var count = socket.Receive(_buffer.AsSpan(_end), SocketFlags.None, out var error);
        switch (error)
        {
            case SocketError.Success when count > 0:
                _end += count;
                return true;
            case SocketError.Success:
                throw new BrokerException("the broker closed the socket without a word");
            case SocketError.TimedOut or SocketError.WouldBlock or SocketError.Interrupted:
                return false;
            default:
                throw new BrokerException($"the connection to the broker is lost ({error})");
        }
    }

    private void Compact()
    {
        if (_start == 0)
        {
            return;
        }

        _buffer.AsSpan(_start, _end - _start).CopyTo(_buffer);
        _end -= _start;
        _start = 0;
    }

    private void EnsureRoomFor(int whole)
    {
        if (_buffer.Length < whole)
        {
            Compact();
            Array.Resize(ref _buffer, whole);
        }
    }
}
