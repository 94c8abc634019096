using System.Buffers;
using System.Buffers.Binary;
using Granary.Amqp;

namespace Granary.Gateway.Amqp;

/// <summary>
/// Takes frames from what the socket has delivered, in place; only a frame that straddles two segments of the pipe is copied. Between
/// <see cref="TryNext"/> and <see cref="Release"/> the sequence must not be advanced by anybody else.
/// </summary>
internal sealed class FrameSlicer(int frameMax)
{
    // A smaller frame is waited for.
    private const int LeastInParts = 8 * 1024;

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

    /// <summary>
    /// Whether what comes next is a large body frame, of which only a part is there: told after <see cref="TryNext"/>, and not taken before
    /// <see cref="BeginBody"/>.
    /// </summary>
    public bool IsBody(in ReadOnlySequence<byte> buffer, out ushort channel, out int length)
    {
        Span<byte> header = stackalloc byte[Frame.HeaderSize];
        (channel, length) = (0, 0);
        if (buffer.Length - _position < header.Length)
        {
            return false;
        }

        buffer.Slice(_position, header.Length).CopyTo(header);
        if (header[0] != (byte)FrameType.Body)
        {
            return false;
        }

        channel = BinaryPrimitives.ReadUInt16BigEndian(header[1..]);
        length = BinaryPrimitives.ReadInt32BigEndian(header[3..]);
        return length >= LeastInParts;
    }

    /// <summary>Takes the header of a body frame; the payload and the end octet are to be taken by <see cref="TryTake"/>.</summary>
    public void BeginBody() => _position += Frame.HeaderSize;

    /// <summary>Takes up to <paramref name="most"/> octets that are in one piece; false if there are none.</summary>
    public bool TryTake(ref ReadOnlySequence<byte> buffer, int most, out ReadOnlySpan<byte> octets)
    {
        if (_position >= buffer.FirstSpan.Length)
        {
            Release(ref buffer);
        }

        octets = buffer.FirstSpan[_position..];
        octets = octets[..Math.Min(octets.Length, most)];
        _position += octets.Length;
        return octets.Length > 0;
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
