using System.Buffers;
using System.Buffers.Binary;
using Google.Protobuf;
using Granary.Bench.Amqp;
using Granary.V1;
using Grpc.Core;

namespace Granary.Bench.Load;

/// <summary>What counts of a response on a consume stream: how many deliveries it has. One is used for a whole stream.</summary>
internal sealed class DeliveryTally
{
    private static readonly uint Deliveries = WireFormat.MakeTag(ConsumeResponse.DeliveriesFieldNumber, WireFormat.WireType.LengthDelimited);
    private static readonly uint Cancelled = WireFormat.MakeTag(ConsumeResponse.CancelledFieldNumber, WireFormat.WireType.LengthDelimited);
    private static readonly uint Body = WireFormat.MakeTag(Delivery.BodyFieldNumber, WireFormat.WireType.LengthDelimited);

    private byte[] _buffer = [];

    public int Count { get; private set; }

    /// <summary>Reads into one tally, and tells the timestamp at the start of each body where latency is measured.</summary>
    public static Marshaller<DeliveryTally> Marshaller(bool measuresLatency, Action<long> stamped)
    {
        var tally = new DeliveryTally();
        return Marshallers.Create<DeliveryTally>(
            static (_, _) => throw new InvalidOperationException("responses are only read"),
            context => tally.Read(context.PayloadAsReadOnlySequence(), measuresLatency ? stamped : null));
    }

    private DeliveryTally Read(in ReadOnlySequence<byte> payload, Action<long>? stamped)
    {
        var length = (int)payload.Length;
        if (_buffer.Length < length)
        {
            _buffer = new byte[Math.Max(length, 128 * 1024)];
        }

        payload.CopyTo(_buffer);
        Count = 0;
        var bytes = _buffer.AsSpan(0, length);
        for (var at = 0; at < length;)
        {
            var tag = ReadVarint(bytes, ref at);
            if (tag == Cancelled)
            {
                throw new BrokerException("the broker cancelled a consumer");
            }

            var end = (int)ReadVarint(bytes, ref at) + at;
            if (tag == Deliveries)
            {
                Count++;
                if (stamped is not null)
                {
                    stamped(StampOf(bytes[at..end]));
                }
            }

            at = end;
        }

        return this;
    }

    private static long StampOf(ReadOnlySpan<byte> delivery)
    {
        for (var at = 0; at < delivery.Length;)
        {
            var tag = (uint)ReadVarint(delivery, ref at);
            var value = (int)ReadVarint(delivery, ref at);
            if (tag == Body)
            {
                return BinaryPrimitives.ReadInt64LittleEndian(delivery[at..]);
            }

            at += WireFormat.GetTagWireType(tag) == WireFormat.WireType.LengthDelimited ? value : 0;
        }

        throw new BrokerException("a delivery has no body");
    }

    private static ulong ReadVarint(ReadOnlySpan<byte> bytes, ref int at)
    {
        ulong value = 0;
        for (var shift = 0; ; shift += 7)
        {
            var next = bytes[at++];
            value |= (ulong)(next & 0x7F) << shift;
            if (next < 0x80)
            {
                return value;
            }
        }
    }
}
