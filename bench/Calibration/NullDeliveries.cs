using System.Buffers.Binary;
using System.Net.Sockets;
using Granary.Bench.Amqp;

namespace Granary.Bench.Calibration;

/// <summary>Sends a consumer its part of as many deliveries as a queue was given messages, in chunks encoded once; prefetch is ignored.</summary>
internal sealed class NullDeliveries(NullQueue queue, string consumerTag)
{
    private const int ChunkBytes = 64 * 1024;
    private static readonly TimeSpan Pause = TimeSpan.FromMilliseconds(50);

    public void Run(Action<ReadOnlySpan<byte>> send, Func<bool> closed)
    {
        var sent = 0L;
        Chunk? chunk = null;
        try
        {
            while (!closed())
            {
                var count = queue.Take(chunk?.Capacity ?? 1);
                if (count == 0)
                {
                    queue.WaitForMore(Pause);
                    continue;
                }

                chunk ??= new Chunk(consumerTag, queue.Size);
                send(chunk.Fill(count, sent + 1, queue.Stamp));
                sent += count;
            }
        }
        catch (Exception error) when (error is SocketException or ObjectDisposedException)
        {
            // The consumer has gone: its connection notices by itself, and there is nobody left to deliver to.
            return;
        }
    }

    /// <summary>A row of encoded deliveries of which only tags and stamps change.</summary>
    private sealed class Chunk
    {
        private readonly byte[] _bytes;
        private readonly int _one;
        private readonly int _tagAt;
        private readonly int _bodyAt;

        public Chunk(string consumerTag, int size)
        {
            var writer = new FrameWriter();
            writer.Method(1, Method.BasicDeliver).ShortString(consumerTag);
            _tagAt = writer.Length;
            writer.U64(0).U8(0).ShortString("").ShortString(consumerTag).End();
            _bodyAt = size >= sizeof(long) ? writer.Length + HeaderFrame() + 7 : -1;
            writer.Content(1, size, 1, 131064);
            _one = writer.Length;
            Capacity = Math.Max(1, ChunkBytes / _one);
            _bytes = new byte[_one * Capacity];
            for (var i = 0; i < Capacity; i++)
            {
                writer.Written.CopyTo(_bytes.AsSpan(i * _one));
            }
        }

        public int Capacity { get; }

        public ReadOnlySpan<byte> Fill(int count, long firstTag, long stamp)
        {
            for (var i = 0; i < count; i++)
            {
                var message = _bytes.AsSpan(i * _one, _one);
                BinaryPrimitives.WriteInt64BigEndian(message[_tagAt..], firstTag + i);
                if (_bodyAt >= 0)
                {
                    BinaryPrimitives.WriteInt64LittleEndian(message[_bodyAt..], stamp);
                }
            }

            return _bytes.AsSpan(0, count * _one);
        }

        private static int HeaderFrame()
        {
            var writer = new FrameWriter();
            writer.Content(1, 0, 1, 1);
            return writer.Length;
        }
    }
}
