using System.Buffers;
using Granary.Amqp.Methods;

namespace Granary.Amqp.Tests;

public sealed class AllocationTests
{
    private const int Messages = 10_000;

    [Fact]
    public void Publish_TenThousandMessages_AllocateNothing()
    {
        var output = new ArrayBufferWriter<byte>();
        var properties = new BasicProperties { DeliveryMode = 2, Priority = 1, Headers = FieldTable.Of(("CC", new FieldArray("x"))) }.Encode();
        for (var i = 0; i < Messages; i++)
        {
            MethodFrame.Write(output, 1, new BasicPublish("logs", "a.b", false, false));
            ContentHeader.WriteFrame(output, 1, 5, properties);
            Frame.WriteBody(output, 1, "hello"u8, 4096);
        }

        var bytes = output.WrittenMemory;
        ReadPublishes(bytes.Span[..100]); // The first call may allocate: types are loaded.

        var before = GC.GetAllocatedBytesForCurrentThread();
        var seen = ReadPublishes(bytes.Span);
        var allocated = GC.GetAllocatedBytesForCurrentThread() - before;

        Assert.Equal(0, allocated);
        Assert.Equal((Messages, Messages * 7, Messages * 5UL, Messages * 5, Messages * 2), seen);
    }

    [Fact]
    public void DeliverAndSettle_TenThousandMessages_AllocateNothing()
    {
        var buffer = new byte[256];
        DeliverAndSettle(buffer, 1);

        var before = GC.GetAllocatedBytesForCurrentThread();
        var sum = DeliverAndSettle(buffer, Messages);
        var allocated = GC.GetAllocatedBytesForCurrentThread() - before;

        Assert.Equal(0, allocated);
        Assert.Equal(4UL * Messages * (Messages + 1) / 2, sum);
    }

    private static (int Messages, int NameBytes, ulong Announced, int BodyBytes, int Modes) ReadPublishes(ReadOnlySpan<byte> bytes)
    {
        var (messages, nameBytes, announced, bodyBytes, modes) = (0, 0, 0UL, 0, 0);
        while (FrameReader.TryRead(bytes, 4096, out var type, out _, out var payload, out var consumed))
        {
            bytes = bytes[consumed..];
            switch (type)
            {
                case FrameType.Method when MethodFrame.ReadId(payload, out var fields) == MethodId.BasicPublish:
                    var publish = BasicPublishView.Read(fields);
                    nameBytes += publish.Exchange.Length + publish.RoutingKey.Length;
                    messages++;
                    break;
                case FrameType.Header:
                    var header = ContentHeader.Read(payload);
                    announced += header.BodySize;
                    BasicPropertiesView.Validate(header.Properties);
                    var properties = BasicPropertiesView.Read(header.Properties);
                    modes += properties.TryGetDeliveryMode(out var mode) ? mode : 0;
                    Assert.True(properties.TryGetHeaders(out var headers) && new FieldTableReader(headers).MoveTo("CC"u8));
                    break;
                case FrameType.Body:
                    bodyBytes += payload.Length;
                    break;
            }
        }

        return (messages, nameBytes, announced, bodyBytes, modes);
    }

    private static ulong DeliverAndSettle(byte[] buffer, int messages)
    {
        var sum = 0UL;
        for (var tag = 1UL; tag <= (ulong)messages; tag++)
        {
            var size = BasicDeliverView.WriteFrame(buffer, 1, "tag"u8, tag, false, "logs"u8, "a.b"u8);
            FrameReader.TryRead(buffer.AsSpan(0, size), 4096, out _, out _, out var payload, out _);
            MethodFrame.ReadId(payload, out var fields);
            sum += BasicDeliverView.Read(fields).DeliveryTag;
            sum += Settle(buffer, new BasicAck(tag, true)).DeliveryTag;
            sum += Settle(buffer, new BasicNack(tag, true, true)).DeliveryTag;
            sum += Settle(buffer, new BasicReject(tag, true)).DeliveryTag;
        }

        return sum;
    }

    private static T Settle<T>(byte[] buffer, T method)
        where T : struct, IReadableMethod<T>
    {
        var writer = new AmqpWriter(buffer);
        method.Write(ref writer);
        return MethodFrame.Read<T>(buffer.AsSpan(0, writer.Position));
    }
}
