using System.Buffers.Binary;
using Granary.Bench.Amqp;

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

    public PublishCycle(string exchange, IReadOnlyList<string> keys, int size, bool persistent, int maxPayload)
    {
        var probe = new FrameWriter();
        Encode(probe, exchange, keys.MaxBy(key => key.Length) ?? "", size, persistent, maxPayload);
        _perSlice = Math.Max(1, SliceBytes / probe.Length);
        var rounds = (_perSlice + keys.Count - 1) / keys.Count;
        if ((long)probe.Length * rounds * keys.Count > MaxBytes)
        {
            throw new ArgumentException($"{keys.Count} messages of {size} bytes are too many to prepare: lower --size or --routing-keys");
        }

        var all = new FrameWriter();
        _offsets = new int[(rounds * keys.Count) + 1];
        for (var i = 0; i < rounds * keys.Count; i++)
        {
            Encode(all, exchange, keys[i % keys.Count], size, persistent, maxPayload);
            _offsets[i + 1] = all.Length;
        }

        _bytes = all.Written.ToArray();
        var bodies = new FrameWriter();
        bodies.Content(AmqpConnection.Channel, size, 1, maxPayload);
        var header = new FrameWriter();
        header.Content(AmqpConnection.Channel, 0, 1, maxPayload);
        _tail = bodies.Length - header.Length - 7;
    }

    /// <summary>The most messages that the next slice can have.</summary>
    public int NextCount => Math.Min(_perSlice, _offsets.Length - 1 - _position);

    /// <summary>Writes a timestamp into the first 8 bytes of the body of a message of the next slice.</summary>
    public void Stamp(int message, long timestamp) =>
        BinaryPrimitives.WriteInt64LittleEndian(_bytes.AsSpan(_offsets[_position + message + 1] - _tail), timestamp);

    public ReadOnlySpan<byte> Next(int count)
    {
        var start = _offsets[_position];
        var end = _offsets[_position + count];
        _position = (_position + count) % (_offsets.Length - 1);
        return _bytes.AsSpan(start, end - start);
    }

    private static void Encode(FrameWriter writer, string exchange, string key, int size, bool persistent, int maxPayload)
    {
        writer.Method(AmqpConnection.Channel, Method.BasicPublish).U16(0).ShortString(exchange).ShortString(key).U8(0).End();
        writer.Content(AmqpConnection.Channel, size, persistent ? (byte)2 : (byte)1, maxPayload);
    }
}
