using System.Buffers.Binary;
using Google.Protobuf;
using Granary.Bench.Amqp;
using Granary.V1;

namespace Granary.Bench.Load;

/// <summary>Encoded publishes to a row of routing keys, one after the other in one array, sent again and again in slices.</summary>
internal sealed class PublishCycle
{
    private const int SliceBytes = 64 * 1024;
    private const long MaxBytes = 1L << 30;

    private readonly byte[] _bytes;
    private readonly int[] _offsets;
    private readonly int _perSlice;
    private readonly int _tail;
    private int _position;

    /// <param name="keys">Used in turn.</param>
    /// <param name="encode">A whole publish to a key.</param>
    /// <param name="tail">How many bytes before the end of a publish its body starts.</param>
    private PublishCycle(IReadOnlyList<string> keys, Func<string, byte[]> encode, int tail)
    {
        byte[][] publishes = [.. keys.Select(encode)];
        var longest = publishes.Max(publish => publish.Length);
        _perSlice = Math.Max(1, SliceBytes / longest);
        var rounds = (_perSlice + keys.Count - 1) / keys.Count;
        if ((long)longest * rounds * keys.Count > MaxBytes)
        {
            throw new ArgumentException($"{keys.Count} messages of {longest} bytes are too many to prepare: lower --size or --routing-keys");
        }

        _offsets = new int[(rounds * keys.Count) + 1];
        for (var i = 0; i < rounds * keys.Count; i++)
        {
            _offsets[i + 1] = _offsets[i] + publishes[i % keys.Count].Length;
        }

        _bytes = new byte[_offsets[^1]];
        for (var i = 0; i < rounds * keys.Count; i++)
        {
            publishes[i % keys.Count].CopyTo(_bytes, _offsets[i]);
        }

        _tail = tail;
    }

    /// <summary>The most messages that the next slice can have.</summary>
    public int NextCount => Math.Min(_perSlice, _offsets.Length - 1 - _position);

    /// <summary>Writes a timestamp into the first 8 bytes of the body of a message of the next slice.</summary>
    public void Stamp(int message, long timestamp) =>
        BinaryPrimitives.WriteInt64LittleEndian(_bytes.AsSpan(_offsets[_position + message + 1] - _tail), timestamp);

    /// <summary>Valid until the next stamp.</summary>
    public ReadOnlyMemory<byte> Next(int count)
    {
        var start = _offsets[_position];
        var end = _offsets[_position + count];
        _position = (_position + count) % (_offsets.Length - 1);
        return _bytes.AsMemory(start, end - start);
    }

    /// <summary>basic.publish with header and body frames.</summary>
    public static PublishCycle Amqp(LoadOptions options, IReadOnlyList<string> keys, int maxPayload)
    {
        // The octet that ends a frame lies behind the body.
        return new PublishCycle(keys, Encode, LengthOfContent(options.Size) - LengthOfContent(0) - (Frame.Overhead - 1));

        byte[] Encode(string key)
        {
            var writer = new FrameWriter();
            writer.Method(AmqpConnection.Channel, Method.BasicPublish).U16(0).ShortString(options.Exchange).ShortString(key).U8(0).End();
            writer.Content(AmqpConnection.Channel, options.Size, options.Persistent ? (byte)2 : (byte)1, maxPayload);
            return writer.Written.ToArray();
        }

        int LengthOfContent(int size)
        {
            var writer = new FrameWriter();
            writer.Content(AmqpConnection.Channel, size, 1, maxPayload);
            return writer.Length;
        }
    }

    /// <summary>Messages as they stand in the requests of a publish stream, whose only field they are: any row of them is a request.</summary>
    public static PublishCycle Grpc(LoadOptions options, IReadOnlyList<string> keys)
    {
        // The body is the last field.
        return new PublishCycle(keys, Encode, options.Size);

        byte[] Encode(string key)
        {
            var message = new Message
            {
                Exchange = options.Exchange,
                RoutingKey = key,
                Properties = new BasicProperties { DeliveryMode = options.Persistent ? 2u : 1u },
                Body = UnsafeByteOperations.UnsafeWrap(new byte[options.Size]),
            };
            return new PublishStreamRequest { Messages = { message } }.ToByteArray();
        }
    }
}
