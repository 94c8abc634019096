using Granary.Core.Messages;
using Granary.Silo.Queues.Messages;

namespace Granary.Silo.Streams;

/// <summary>
/// The end of a stream, which is in memory: blocks of neighbouring records in chunks of the stream's own. In a stream, the time at which a block's last message
/// came is in the place of the time at which messages expire (<see cref="MessageRun.Due"/>): the store keeps it beside the block.
/// </summary>
internal sealed class StreamTail
{
    private const int SmallestChunk = 4 * 1024;

    /// <summary>Pieces of this size are as good for the store as bigger ones.</summary>
    private const int SmallPiece = 4 * 1024;

    /// <summary>A block has what came within so many milliseconds: whoever reads from a time on begins with one.</summary>
    private const long LongestBlock = 1_000;

    private readonly RingBuffer<MessageRun> _blocks = new();
    private readonly StreamEncoder _encoder = new();
    private byte[] _chunk = [];
    private int _used;
    private int _pieces;
    private int _nextSize = SmallestChunk;

    /// <summary>Record bytes.</summary>
    public long Bytes { get; private set; }

    public bool IsEmpty => _blocks.Count == 0;

    /// <summary>The first block; not of an empty tail.</summary>
    public ref MessageRun First => ref _blocks[0];

    /// <summary>Takes the messages of a batch.</summary>
    /// <param name="first">The offset of the first.</param>
    /// <param name="runs">Gets them as they are now, to be stored.</param>
    /// <param name="whole">Gets blocks that were put together from small pieces and do not grow any more: they are better stored as one.</param>
    public void Append(in MessageBatch batch, long first, long now, List<MessageRun> runs, List<MessageRun> whole)
    {
        var records = batch.Records.Span;
        var (start, runFirst) = (_used, first);
        for (var offset = first; !records.IsEmpty; offset++)
        {
            var record = new MessageRecord(records);
            var most = record.Length + StreamEncoder.MostAdded;
            if (_chunk.Length - _used < most)
            {
                End(start, runFirst, offset, now, runs, whole);
                BeginChunk(most);
                (start, runFirst) = (0, offset);
            }

            _used += _encoder.Write(_chunk.AsSpan(_used), record, offset);
            records = records[record.Length..];
        }

        End(start, runFirst, first + batch.Count, now, runs, whole);
    }

    /// <summary>Messages from an offset on to the end of their block, if they are here.</summary>
    public bool TryFind(long offset, out MessageRun run)
    {
        run = default;
        if (IsEmpty || offset < First.First || offset >= _blocks[_blocks.Count - 1].End)
        {
            return false;
        }

        var block = _blocks[Find(block => block.End <= offset)];
        var skipped = (int)(offset - block.First);
        run = skipped == 0 ? block : block.After(skipped, block.LengthOf(skipped));
        return true;
    }

    /// <summary>The offset from which on all came at a time or later, as far as blocks tell: a few before it may be in the same one.</summary>
    /// <param name="time">In Unix milliseconds.</param>
    public long Find(long time)
    {
        var index = Find(block => block.Due < time);
        return index < _blocks.Count ? _blocks[index].First : _blocks[_blocks.Count - 1].End;
    }

    /// <summary>Forgets blocks from the first on that the store has, while there are more than so many bytes, and those that are gone.</summary>
    /// <param name="first">The first message that is not.</param>
    public void Trim(long bytes, long storedThrough, long first)
    {
        while (_blocks.Count > 1 && (First.End <= first || (Bytes > bytes && First.End <= storedThrough)))
        {
            Bytes -= _blocks.RemoveFirst().Length;
        }
    }

    /// <summary>How many blocks at the start a condition holds for that no later one meets again.</summary>
    private int Find(Predicate<MessageRun> isBefore)
    {
        int low = 0, high = _blocks.Count;
        while (low < high)
        {
            var middle = (low + high) >>> 1;
            (low, high) = isBefore(_blocks[middle]) ? (middle + 1, high) : (low, middle);
        }

        return low;
    }

    private void End(int start, long first, long end, long now, List<MessageRun> runs, List<MessageRun> whole)
    {
        if (end == first)
        {
            return;
        }

        var run = new MessageRun(
            _chunk.AsMemory(start, _used - start), first, (int)(end - first), Redelivered: false, MessageFlags.Persistent, Since: now, Due: now);
        runs.Add(run);
        Bytes += run.Length;
        if (start > 0 && now - _blocks[_blocks.Count - 1].Since < LongestBlock)
        {
            ref var last = ref _blocks[_blocks.Count - 1];
            last = last with { Records = _chunk.AsMemory(start - last.Length, last.Length + run.Length), Count = last.Count + run.Count, Due = now };
            _pieces++;
            return;
        }

        EndBlock(whole);
        _blocks.AddLast(run);
        _pieces = 1;
    }

    private void EndBlock(List<MessageRun> whole)
    {
        if (_pieces > 1 && _pieces * SmallPiece > _blocks[_blocks.Count - 1].Length)
        {
            whole.Add(_blocks[_blocks.Count - 1]);
        }
    }

    /// <summary>Chunks become larger the longer messages come.</summary>
    private void BeginChunk(int needed)
    {
        _chunk = new byte[Math.Max(needed, _nextSize)];
        _used = 0;
        _nextSize = Math.Min(_nextSize * 2, MessageBatch.ChunkSize);
    }
}
