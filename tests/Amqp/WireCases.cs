using System.Buffers;
using Granary.Amqp.Methods;

namespace Granary.Amqp.Tests;

/// <summary>What a connection may send, as whole frames one after the other.</summary>
public static class WireCases
{
    public static IReadOnlyDictionary<string, byte[]> All { get; } = new Dictionary<string, byte[]>
    {
        ["heartbeat"] = Frame.Heartbeat.ToArray(),
        ["method"] = MethodSample.Frame(1, new QueueDeclare("q", false, true, false, false, false, FieldTable.Of(("x-max-length", 5)))),
        ["method without fields"] = MethodSample.Frame(ushort.MaxValue, default(TxSelect)),
        ["message"] = Message("body"u8, 64),
        ["message in three body frames"] = Message("a body that is cut"u8, 16),
        ["message without body"] = Message([], 64),
        ["end octets within"] = Message([Frame.End, Frame.End, 0, Frame.End], 64),
        ["frames of two channels"] = [.. MethodSample.Frame(1, new BasicAck(1, false)), .. Frame.Heartbeat, .. MethodSample.Frame(2, new BasicAck(2, true))],
    };

    private static byte[] Message(ReadOnlySpan<byte> body, int frameMax)
    {
        var output = new ArrayBufferWriter<byte>();
        MethodFrame.Write(output, 3, new BasicPublish("logs", "a.b", true, false));
        ContentHeader.WriteFrame(output, 3, (ulong)body.Length, new BasicProperties { DeliveryMode = 2 }.Encode());
        Frame.WriteBody(output, 3, body, frameMax);
        return output.WrittenSpan.ToArray();
    }
}
