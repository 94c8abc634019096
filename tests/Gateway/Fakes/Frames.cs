using System.Buffers;
using System.IO.Pipelines;
using Granary.Amqp;
using Granary.Amqp.Methods;

namespace Granary.Gateway.Tests.Fakes;

/// <summary>Frames as octets, and the methods in them as values.</summary>
internal static class Frames
{
    public static byte[] Method<T>(ushort channel, in T method)
        where T : struct, IMethod
    {
        var buffer = new ArrayBufferWriter<byte>();
        MethodFrame.Write(buffer, channel, method);
        return buffer.WrittenSpan.ToArray();
    }

    public static byte[] Of(FrameType type, ushort channel, params byte[] payload)
    {
        var buffer = new ArrayBufferWriter<byte>();
        Frame.Write(buffer, type, channel, payload);
        return buffer.WrittenSpan.ToArray();
    }

    /// <summary>The header frame of a message without properties.</summary>
    public static byte[] Header(ushort channel, ulong size, ushort classId = 60)
    {
        var payload = new byte[14];
        System.Buffers.Binary.BinaryPrimitives.WriteUInt16BigEndian(payload, classId);
        System.Buffers.Binary.BinaryPrimitives.WriteUInt64BigEndian(payload.AsSpan(4), size);
        return Of(FrameType.Header, channel, payload);
    }

    /// <summary>All frames of a publish to the default exchange, or another.</summary>
    public static byte[] Publish(ushort channel, string key, byte[] body, int frameMax = 131072, bool mandatory = false, string exchange = "")
    {
        var frames = new List<byte>();
        frames.AddRange(Method(channel, new BasicPublish(exchange, key, mandatory, Immediate: false)));
        frames.AddRange(Header(channel, (ulong)body.Length));
        foreach (var part in body.Chunk(frameMax - Frame.Overhead))
        {
            frames.AddRange(Of(FrameType.Body, channel, part));
        }

        return [.. frames];
    }

    /// <summary>Takes the next frame that comes, whole.</summary>
    public static async Task<byte[]> ReadAsync(PipeReader reader, TimeSpan patience)
    {
        using var limit = new CancellationTokenSource(patience);
        while (true)
        {
            var read = await reader.ReadAsync(limit.Token);
            var octets = read.Buffer.ToArray();
            if (FrameReader.TryRead(octets, 131072, out _, out _, out _, out var consumed))
            {
                reader.AdvanceTo(read.Buffer.GetPosition(consumed));
                return octets[..consumed];
            }

            Assert.False(read.IsCompleted, "the broker wrote nothing more");
            reader.AdvanceTo(read.Buffer.Start, read.Buffer.End);
        }
    }

    /// <summary>The acks and nacks that were flushed or only written to a pipe.</summary>
    public static List<object> Drain(Pipe pipe)
    {
        var methods = new List<object>();
        Assert.True(pipe.Writer.FlushAsync().IsCompletedSuccessfully);
        if (!pipe.Reader.TryRead(out var read))
        {
            return methods;
        }

        ReadOnlySpan<byte> rest = read.Buffer.ToArray();
        while (FrameReader.TryRead(rest, 4096, out _, out _, out var payload, out var consumed))
        {
            methods.Add(MethodFrame.ReadId(payload, out var fields) switch
            {
                MethodId.BasicAck => MethodFrame.Read<BasicAck>(fields),
                MethodId.BasicNack => MethodFrame.Read<BasicNack>(fields),
                var id => throw new InvalidOperationException($"{MethodId.Name(id)}"),
            });
            rest = rest[consumed..];
        }

        Assert.True(rest.IsEmpty);
        pipe.Reader.AdvanceTo(read.Buffer.End);
        return methods;
    }
}
