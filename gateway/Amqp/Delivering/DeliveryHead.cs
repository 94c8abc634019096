using System.Buffers.Binary;
using Granary.Amqp;
using Granary.Core.Messages;

namespace Granary.Gateway.Amqp.Delivering;

/// <summary>
/// The basic.deliver frame of one consumer, kept ready: from one message to the next only the tag changes, and now and then the names.
/// <code>
/// | 1 | channel | size | 60 60 | consumer tag | delivery tag | redelivered | exchange | routing key | CE |
/// |                  prefix                  |     u64      |     u8      |         suffix         | CE |
/// </code>
/// </summary>
internal sealed class DeliveryHead
{
    private const int VariablePart = sizeof(ulong) + 1;

    private readonly int _tagAt;
    private byte[] _frame;
    private int _length;
    private int _exchangeLength = -1;
    private int _keyLength;

    public DeliveryHead(ushort channel, string consumerTag)
    {
        var tag = System.Text.Encoding.UTF8.GetBytes(consumerTag);
        _tagAt = Granary.Amqp.Frame.HeaderSize + 4 + 1 + tag.Length;
        _frame = new byte[_tagAt + VariablePart + 2 + 64];
        _frame[0] = (byte)FrameType.Method;
        BinaryPrimitives.WriteUInt16BigEndian(_frame.AsSpan(1), channel);
        BinaryPrimitives.WriteUInt32BigEndian(_frame.AsSpan(Granary.Amqp.Frame.HeaderSize), MethodId.BasicDeliver);
        _frame[Granary.Amqp.Frame.HeaderSize + 4] = (byte)tag.Length;
        tag.CopyTo(_frame, Granary.Amqp.Frame.HeaderSize + 5);
    }

    /// <summary>The frame for one message; the span is valid until the next call.</summary>
    public ReadOnlySpan<byte> For(ulong deliveryTag, bool redelivered, in MessageRecord message)
    {
        var exchange = message.Exchange;
        var key = message.RoutingKey;
        if (exchange.Length != _exchangeLength || key.Length != _keyLength || !SameNames(exchange, key))
        {
            SetNames(exchange, key);
        }

        var frame = _frame.AsSpan(0, _length);
        BinaryPrimitives.WriteUInt64BigEndian(frame[_tagAt..], deliveryTag);
        frame[_tagAt + sizeof(ulong)] = redelivered ? (byte)1 : (byte)0;
        return frame;
    }

    private bool SameNames(ReadOnlySpan<byte> exchange, ReadOnlySpan<byte> key)
    {
        var at = _tagAt + VariablePart + 1;
        return exchange.SequenceEqual(_frame.AsSpan(at, exchange.Length)) && key.SequenceEqual(_frame.AsSpan(at + exchange.Length + 1, key.Length));
    }

    private void SetNames(ReadOnlySpan<byte> exchange, ReadOnlySpan<byte> key)
    {
        var at = _tagAt + VariablePart;
        _length = at + 1 + exchange.Length + 1 + key.Length + 1;
        if (_frame.Length < _length)
        {
            Array.Resize(ref _frame, _length);
        }

        var suffix = _frame.AsSpan(at);
        suffix[0] = (byte)exchange.Length;
        exchange.CopyTo(suffix[1..]);
        suffix[1 + exchange.Length] = (byte)key.Length;
        key.CopyTo(suffix[(2 + exchange.Length)..]);
        suffix[2 + exchange.Length + key.Length] = Granary.Amqp.Frame.End;
        BinaryPrimitives.WriteUInt32BigEndian(_frame.AsSpan(3), (uint)(_length - Granary.Amqp.Frame.Overhead));
        (_exchangeLength, _keyLength) = (exchange.Length, key.Length);
    }
}
