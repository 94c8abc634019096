using Granary.Amqp;
using Granary.Core.Messages;

namespace Granary.Gateway.Amqp.Publishing;

/// <summary>
/// One channel's message on its way in: method, header, bodies. The record is laid out when the header is there, and bodies are copied to where
/// they stay.
/// </summary>
internal sealed class ContentAssembler
{
    // A body announced larger than this, which is what a frame may hold, is not believed until it arrives: a few octets must not make the broker
    // allocate megabytes. One that arrives in large frames is believed by the megabyte.
    private const int TrustedSize = 128 * 1024;
    private const int TrustedFrames = 16;

    private readonly byte[] _names = new byte[2 * AmqpWriter.MaxShortString];
    private int _exchangeLength;
    private int _keyLength;
    private State _state;
    private byte[] _array = [];
    private int _position;
    private int _end;
    private int _size;

    private enum State : byte
    {
        Idle,
        Header,
        Body,
    }

    public bool IsIdle => _state == State.Idle;

    public bool ExpectsHeader => _state == State.Header;

    public bool ExpectsBody => _state == State.Body;

    public bool IsMandatory { get; private set; }

    public ReadOnlySpan<byte> Exchange => _names.AsSpan(0, _exchangeLength);

    public ReadOnlySpan<byte> RoutingKey => _names.AsSpan(_exchangeLength, _keyLength);

    public PublishPath? Path { get; private set; }

    public byte[] Array => _array;

    public int Start { get; private set; }

    public int Length => _size;

    public MessageFlags Flags { get; private set; }

    public void OnMethod(ReadOnlySpan<byte> exchange, ReadOnlySpan<byte> key, bool mandatory)
    {
        exchange.CopyTo(_names);
        key.CopyTo(_names.AsSpan(exchange.Length));
        (_exchangeLength, _keyLength, IsMandatory, _state) = (exchange.Length, key.Length, mandatory, State.Header);
    }

    /// <summary>Lays the record out. True when the message is complete, because it has no body.</summary>
    public bool OnHeader(ChunkAllocator chunks, PublishPath path, PublishedProperties acted, ReadOnlySpan<byte> properties, int bodySize)
    {
        var hasExpiry = (acted.Flags & MessageFlags.HasExpiry) != 0;
        _size = (int)MessageRecord.SizeOf(hasExpiry, _exchangeLength, _keyLength, properties.Length, bodySize);
        if (_size <= TrustedSize)
        {
            (_array, Start) = chunks.Take(_size);
        }
        else
        {
            (_array, Start) = (GC.AllocateUninitializedArray<byte>(Math.Min(_size, (_size - bodySize) + TrustedSize)), 0);
        }

        _position = Start + MessageRecord.WriteHead(
            _array.AsSpan(Start), acted.Flags, acted.Priority, acted.Expiry, Exchange, RoutingKey, properties, bodySize);
        _end = Start + _size;
        Path = path;
        Flags = acted.Flags;
        _state = bodySize == 0 ? State.Idle : State.Body;
        return bodySize == 0;
    }

    /// <summary>Takes a whole body frame. True when the message is complete.</summary>
    public bool OnBody(ReadOnlySpan<byte> part)
    {
        BeginFrame(part.Length);
        while (!part.IsEmpty)
        {
            var room = Room(part.Length);
            part[..room.Length].CopyTo(room.Span);
            Advance(room.Length);
            part = part[room.Length..];
        }

        return EndFrame();
    }

    /// <summary>A body frame of that many octets begins.</summary>
    public void BeginFrame(int length)
    {
        if (length > _end - _position)
        {
            throw new AmqpConnectionException(
                ReplyCode.FrameError, $"content body frame of {length} octets is larger than the {_end - _position} octets that its header left", MethodId.BasicPublish);
        }
    }

    /// <summary>Where what comes next of a frame belongs.</summary>
    /// <param name="missing">How much of the frame is missing, at least 1.</param>
    public Memory<byte> Room(int missing)
    {
        if (_position == _array.Length)
        {
            System.Array.Resize(ref _array, (int)Math.Min(_size, Math.Max(_array.Length * 2L, _position + ((long)TrustedFrames * missing))));
        }

        return _array.AsMemory(_position, Math.Min(missing, _array.Length - _position));
    }

    /// <summary>So much has come to where it belongs.</summary>
    public void Advance(int count) => _position += count;

    /// <summary>The frame is there. True when the message is complete.</summary>
    public bool EndFrame()
    {
        if (_position < _end)
        {
            return false;
        }

        _state = State.Idle;
        return true;
    }

    /// <summary>Lets go of the record: it belongs to the batch now.</summary>
    public void Release()
    {
        _array = [];
        Path = null;
    }

    /// <summary>The channel failed in the middle of a message.</summary>
    public void Abandon()
    {
        _state = State.Idle;
        Release();
    }
}
