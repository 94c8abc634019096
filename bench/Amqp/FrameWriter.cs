using System.Buffers.Binary;
using System.Text;

namespace Granary.Bench.Amqp;

/// <summary>Encodes frames one after the other into one growing array.</summary>
internal sealed class FrameWriter
{
    private byte[] _buffer = new byte[1024];
    private int _length;
    private int _frameStart;

    public ReadOnlySpan<byte> Written => _buffer.AsSpan(0, _length);

    public int Length => _length;

    public void Clear() => _length = 0;

    public FrameWriter Method(ushort channel, uint method)
    {
        Begin(Frame.MethodType, channel);
        return U32(method);
    }

    /// <summary>The content header and as many body frames as the size needs; the body is filled with 'x'.</summary>
    public FrameWriter Content(ushort channel, int size, byte deliveryMode, int maxPayload)
    {
        Begin(Frame.HeaderType, channel);
        U16(60).U16(0).U64((ulong)size).U16(0x1000).U8(deliveryMode).End();
        for (var left = size; left > 0;)
        {
            var part = Math.Min(left, maxPayload);
            Begin(Frame.BodyType, channel);
            Take(part).Fill((byte)'x');
            End();
            left -= part;
        }

        return this;
    }

    public FrameWriter U8(byte value)
    {
        Take(1)[0] = value;
        return this;
    }

    public FrameWriter U16(ushort value)
    {
        BinaryPrimitives.WriteUInt16BigEndian(Take(2), value);
        return this;
    }

    public FrameWriter U32(uint value)
    {
        BinaryPrimitives.WriteUInt32BigEndian(Take(4), value);
        return this;
    }

    public FrameWriter U64(ulong value)
    {
        BinaryPrimitives.WriteUInt64BigEndian(Take(8), value);
        return this;
    }

    public FrameWriter ShortString(string value)
    {
        var length = Encoding.UTF8.GetByteCount(value);
        if (length > byte.MaxValue)
        {
            throw new ArgumentException($"'{value[..32]}…' is {length} bytes long; AMQP's short strings end at 255");
        }

        U8((byte)length);
        Encoding.UTF8.GetBytes(value, Take(length));
        return this;
    }

    public FrameWriter LongString(string value)
    {
        var length = Encoding.UTF8.GetByteCount(value);
        U32((uint)length);
        Encoding.UTF8.GetBytes(value, Take(length));
        return this;
    }

    /// <summary>A field table of one string, or of nothing.</summary>
    public FrameWriter Table(string? name = null, string? value = null)
    {
        var start = _length;
        U32(0);
        if (name is not null && value is not null)
        {
            ShortString(name).U8((byte)'S').LongString(value);
        }

        BinaryPrimitives.WriteUInt32BigEndian(_buffer.AsSpan(start), (uint)(_length - start - 4));
        return this;
    }

    public void End()
    {
        BinaryPrimitives.WriteUInt32BigEndian(_buffer.AsSpan(_frameStart + 3), (uint)(_length - _frameStart - 7));
        U8(Frame.End);
    }

    private void Begin(byte type, ushort channel)
    {
        _frameStart = _length;
        U8(type).U16(channel).U32(0);
    }

    private Span<byte> Take(int count)
    {
        if (_buffer.Length - _length < count)
        {
            Array.Resize(ref _buffer, Math.Max(_buffer.Length * 2, _length + count));
        }

        _length += count;
        return _buffer.AsSpan(_length - count, count);
    }
}
