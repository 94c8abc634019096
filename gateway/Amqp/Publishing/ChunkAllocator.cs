using Granary.Core.Messages;

namespace Granary.Gateway.Amqp.Publishing;

/// <summary>
/// Where the messages of one connection are encoded: the current chunk, taken from front to back, never reused. Small for who publishes little,
/// up to <see cref="MessageBatch.ChunkSize"/> for who publishes much; a message that does not fit gets an array of its own.
/// </summary>
internal sealed class ChunkAllocator
{
    private const int FirstSize = 2 * 1024;

    private byte[] _chunk = [];
    private int _used;
    private int _nextSize = FirstSize;

    /// <summary>Room for one record; the next one follows it directly as long as the chunk lasts.</summary>
    public (byte[] Array, int Start) Take(int size)
    {
        if (size > _chunk.Length - _used)
        {
            return TakeFromNext(size);
        }

        var start = _used;
        _used += size;
        return (_chunk, start);
    }

    /// <summary>Nothing was published for a while: the chunk need not be held, and the next one is small.</summary>
    public void Forget()
    {
        _chunk = [];
        _used = 0;
        _nextSize = FirstSize;
    }

    private (byte[] Array, int Start) TakeFromNext(int size)
    {
        if (size > MessageBatch.ChunkSize / 2)
        {
            return (GC.AllocateUninitializedArray<byte>(size), 0);
        }

        while (_nextSize < size)
        {
            _nextSize *= 2;
        }

        _chunk = GC.AllocateUninitializedArray<byte>(_nextSize);
        _nextSize = Math.Min(_nextSize * 2, MessageBatch.ChunkSize);
        _used = size;
        return (_chunk, 0);
    }
}
