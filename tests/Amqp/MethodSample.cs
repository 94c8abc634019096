using System.Buffers;
using Granary.Amqp.Methods;

namespace Granary.Amqp.Tests;

/// <summary>A method with values, and ways to write and read it without naming its type.</summary>
public sealed record MethodSample(IMethod Method, Func<ushort, byte[]> WriteFrame, Func<byte[], IMethod> Read)
{
    public static MethodSample Of<T>(T method)
        where T : struct, IReadableMethod<T> =>
        new(method, channel => Frame(channel, method), fields => MethodFrame.Read<T>(fields));

    public static byte[] Frame<T>(ushort channel, T method)
        where T : struct, IMethod
    {
        var output = new ArrayBufferWriter<byte>();
        MethodFrame.Write(output, channel, method);
        return output.WrittenSpan.ToArray();
    }

    /// <summary>The bytes of the fields alone.</summary>
    public byte[] Fields()
    {
        var frame = WriteFrame(1);
        return frame[(Amqp.Frame.HeaderSize + MethodFrame.IdSize)..^1];
    }
}
