using System.Buffers;
using Granary.Amqp;

namespace Granary.Gateway.Amqp;

/// <summary>
/// Takes frames from what the socket has delivered, in place; only a frame that straddles two segments of the pipe is copied. Between
/// <see cref="TryNext"/> and <see cref="Release"/> the sequence must not be advanced by anybody else.
/// </summary>
internal sealed class FrameSlicer(int frameMax)
{
    private byte[] _joined = [];

    // Consumed in the first segment of the sequence but not sliced off yet: slicing costs more than a frame.
    private int _position;
    private int _lastSize;

    /// <summary>The next whole frame, or false when more octets are needed.</summary>
    /// <exception cref="AmqpConnectionException">501: these are not frames.</exception>
    public bool TryNext(ref ReadOnlySequence<byte> buffer, out FrameType type, out ushort channel, out ReadOnlySpan<byte> payload)
    {
        if (_position > buffer.FirstSpan.Length)
        {
            Release(ref buffer);
        }

        if (FrameReader.TryRead(buffer.FirstSpan[_position..], frameMax, out type, out channel, out payload, out _lastSize))
        {
            _position += _lastSize;
            return true;
        }

        return !buffer.IsSingleSegment && TryNextSegment(ref buffer, out type, out channel, out payload);
    }

    /// <summary>The last frame is to be returned once more by the next <see cref="TryNext"/>.</summary>
    public void Repeat() => _position -= _lastSize;

    /// <summary>Slices off what was consumed.</summary>
    public void Release(ref ReadOnlySequence<byte> buffer)
    {
        buffer = buffer.Slice(_position);
        _position = 0;
    }

    private bool TryNextSegment(ref ReadOnlySequence<byte> buffer, out FrameType type, out ushort channel, out ReadOnlySpan<byte> payload)
    {
        Release(ref buffer);
        if (FrameReader.TryRead(buffer.FirstSpan, frameMax, out type, out channel, out payload, out _lastSize))
        {
            _position = _lastSize;
            return true;
        }

        Span<byte> header = stackalloc byte[(int)Math.Min(Frame.HeaderSize, buffer.Length)];
        buffer.Slice(0, header.Length).CopyTo(header);
        if (FrameReader.FrameSize(header, frameMax) is not { } size || buffer.Length < size)
        {
            return false;
        }

        if (_joined.Length < size)
        {
            _joined = new byte[Math.Max(size, 4096)];
        }

        buffer.Slice(0, size).CopyTo(_joined);
        FrameReader.TryRead(_joined.AsSpan(0, size), frameMax, out type, out channel, out payload, out _lastSize);

        // Sliced off by position, so that Repeat works here, too: the sequence may hold the frame in several segments.
        _position = size;
        return true;
    }
}
