using Granary.Amqp;
using Granary.Core.Messages;
using Granary.Gateway.Routing;

namespace Granary.Gateway.Amqp.Publishing;

/// <summary>
/// One channel's message on its way in: method, header, bodies. The record is laid out when the header is there, and bodies are copied to where
/// they stay.
/// </summary>
internal sealed class ContentAssembler
{
    // More than this, which is what a frame may hold, is believed only while all connections together were not believed too much: a few octets must
    // not make the broker allocate megabytes. Otherwise there is memory for twice of what has come.
    private const int TrustedSize = 128 * 1024;

    private readonly byte[] _names = new byte[2 * AmqpWriter.MaxShortString];
    private int _exchangeLength;
    private int _keyLength;
    private State _state;
    private byte[] _array = [];
    private LargeRecord? _large;
    private int _believed;
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

    /// <summary>Where the record is, unless it is a <see cref="Large"/> one.</summary>
    public byte[] Array => _array;

    public int Start { get; private set; }

    public int Length => _size;

    /// <summary>The record when it has memory of its own, held once for whoever takes it from here.</summary>
    public LargeRecord? Large => _large;

    public ReadOnlyMemory<byte> Record => Memory.Slice(Start, _size);

    public MessageFlags Flags { get; private set; }

    private Memory<byte> Memory => _large?.Memory ?? _array;

    public void OnMethod(ReadOnlySpan<byte> exchange, ReadOnlySpan<byte> key, bool mandatory)
    {
        exchange.CopyTo(_names);
        key.CopyTo(_names.AsSpan(exchange.Length));
        (_exchangeLength, _keyLength, IsMandatory, _state) = (exchange.Length, key.Length, mandatory, State.Header);
    }

    /// <summary>Lays the record out; false, with nothing changed, while there is no memory for it. The message is complete at once if it has no body.</summary>
    /// <exception cref="AmqpConnectionException">506: there will hardly ever be memory for it.</exception>
    public bool TryLayOut(ChunkAllocator chunks, PublishPath path, PublishedProperties acted, ReadOnlySpan<byte> properties, int bodySize)
    {
        var hasExpiry = (acted.Flags & MessageFlags.HasExpiry) != 0;
        _size = (int)MessageRecord.SizeOf(hasExpiry, _exchangeLength, _keyLength, properties.Length, bodySize);
        if (_size <= LargeRecord.LargerThan)
        {
            (_array, Start) = chunks.Take(_size);
        }
        else if (TryTake(_size, (_size - bodySize) + TrustedSize, mayUseReserve: false) is { } large)
        {
            Start = 0;
            _large = large;
        }
        else
        {
            return false;
        }

        _position = Start + MessageRecord.WriteHead(
            Memory.Span[Start..], acted.Flags, acted.Priority, acted.Expiry, Exchange, RoutingKey, properties, bodySize);
        _end = Start + _size;
        Path = path;
        Flags = acted.Flags;
        _state = bodySize == 0 ? State.Idle : State.Body;
        return true;
    }

    /// <summary>Takes a whole body frame, for which there is memory (<see cref="TryMakeRoom"/>). True when the message is complete.</summary>
    public bool OnBody(ReadOnlySpan<byte> part)
    {
        BeginFrame(part.Length);
        part.CopyTo(Room(part.Length).Span);
        Advance(part.Length);
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

    /// <summary>Gets memory for so many octets of a frame that has begun; false while there is none.</summary>
    /// <param name="count">At least 1.</param>
    /// <param name="mayUseReserve">See <see cref="LargeRecordPool.TryTake"/>.</param>
    /// <exception cref="AmqpConnectionException">506: there will hardly ever be memory for it.</exception>
    public bool TryMakeRoom(int count, bool mayUseReserve)
    {
        if (_large is not { } large || _position + count <= large.Capacity)
        {
            return true;
        }

        if (TryTake(_size - _position, (int)Math.Min(_size, Math.Max(large.Capacity * 2L, _position + count)), mayUseReserve) is not { } larger)
        {
            return false;
        }

        large.Memory[.._position].CopyTo(larger.Memory);
        large.LetGo();
        _large = larger;
        return true;
    }

    /// <summary>Where what comes next of a frame belongs; empty when memory has to be got first (<see cref="TryMakeRoom"/>).</summary>
    /// <param name="missing">How much of the frame is missing, at least 1.</param>
    public Memory<byte> Room(int missing)
    {
        var memory = Memory;
        return memory.Slice(_position, Math.Min(missing, memory.Length - _position));
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

    /// <summary>Forgets the record: it belongs to the batch now.</summary>
    public void Release()
    {
        _array = [];
        _large = null;
        Path = null;
        if (_believed > 0)
        {
            LargeRecordPool.Shared.EndBelief(_believed);
            _believed = 0;
        }
    }

    /// <summary>The channel failed in the middle of a message. A large record is not let go of: the socket may just be read into it.</summary>
    public void Abandon()
    {
        _state = State.Idle;
        Release();
    }

    // Memory for the whole record if it is believed that so many octets will come, else for less.
    private LargeRecord? TryTake(int missing, int less, bool mayUseReserve)
    {
        var isBelieved = missing > TrustedSize && LargeRecordPool.Shared.TryBelieve(missing);
        LargeRecord? record = null;
        try
        {
            record = LargeRecordPool.Shared.TryTake(isBelieved || missing <= TrustedSize ? _size : less, mayUseReserve);
        }
        catch (OutOfMemoryException)
        {
            throw new AmqpConnectionException(ReplyCode.ResourceError, $"there is no memory for a message of {_size} octets", MethodId.BasicPublish);
        }
        finally
        {
            if (isBelieved && record is null)
            {
                LargeRecordPool.Shared.EndBelief(missing);
            }
            else if (isBelieved)
            {
                _believed += missing;
            }
        }

        return record;
    }
}
