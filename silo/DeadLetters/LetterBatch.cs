using Granary.Core.Messages;
using Granary.Silo.Queues.Messages;

namespace Granary.Silo.DeadLetters;

/// <summary>Gathers letters that follow each other and go to the same queues, back to back in one array.</summary>
internal sealed class LetterBatch
{
    private byte[] _chunk = [];
    private int _start;
    private int _end;
    private int _count;
    private MessageFlags _flags;
    private List<MessageRun> _sources = [];

    public string[] Targets { get; private set; } = [];

    /// <summary>See <see cref="MessageBatch.Window"/>.</summary>
    public DeduplicationWindow? Window { get; private set; }

    public bool IsEmpty => _count == 0;

    /// <summary>Adds a letter; false: what is there has to be taken first.</summary>
    public bool TryAdd(DeadLetter letter, ReadOnlySpan<byte> body, string[] targets, DeduplicationWindow? window)
    {
        var size = (int)letter.SizeWith(body.Length);
        if (_count > 0 && (_chunk.Length - _end < size || window != Window || !targets.AsSpan().SequenceEqual(Targets)))
        {
            return false;
        }

        if (_chunk.Length - _end < size)
        {
            _chunk = new byte[Math.Max(size, MessageBatch.ChunkSize)];
            _start = _end = 0;
        }

        letter.Write(_chunk.AsSpan(_end, size), body);
        (Targets, Window) = (targets, window);
        _end += size;
        _count++;
        _flags |= letter.Flags;
        return true;
    }

    /// <summary>Notes which message the letter that was added last was.</summary>
    /// <param name="offset">In its queue, or <see cref="DeadRun.NeverEnqueued"/>.</param>
    public void AddSource(DeadRun dead, long offset)
    {
        if (offset == DeadRun.NeverEnqueued)
        {
            return;
        }

        if (_sources.Count > 0 && _sources[^1].End == offset)
        {
            _sources[^1] = _sources[^1] with { Count = _sources[^1].Count + 1 };
        }
        else
        {
            _sources.Add(dead.Run with { Records = default, First = offset, Count = 1 });
        }
    }

    /// <param name="sources">The messages that the letters were, without their records.</param>
    public bool TryTake(out MessageBatch batch, out IReadOnlyList<MessageRun> sources)
    {
        (sources, _sources) = (_sources, []);
        batch = new MessageBatch(_chunk.AsMemory(_start, _end - _start), _count, _flags) { Window = Window };
        var any = _count > 0;
        (_start, _count, _flags) = (_end, 0, MessageFlags.None);
        return any;
    }
}
