using Granary.Core.Messages;

namespace Granary.Silo.DeadLetters;

/// <summary>Gathers letters that follow each other and go to the same queues, back to back in one array.</summary>
internal sealed class LetterBatch
{
    private byte[] _chunk = [];
    private int _start;
    private int _end;
    private int _count;
    private MessageFlags _flags;
    private List<(DeadRun Dead, DateTimeOffset At)> _sources = [];

    public string[] Targets { get; private set; } = [];

    /// <summary>See <see cref="MessageBatch.Window"/>.</summary>
    public DeduplicationWindow? Window { get; private set; }

    /// <summary>What does not arrive is kept: so it is with all of them.</summary>
    public bool IsKept { get; private set; }

    public bool IsEmpty => _count == 0;

    /// <summary>Adds a letter; false: what is there has to be taken first.</summary>
    public bool TryAdd(DeadLetter letter, ReadOnlySpan<byte> body, string[] targets, DeduplicationWindow? window, bool isKept)
    {
        var size = (int)letter.SizeWith(body.Length);
        if (_count > 0 && (_chunk.Length - _end < size || isKept != IsKept || window != Window || !targets.AsSpan().SequenceEqual(Targets)))
        {
            return false;
        }

        if (_chunk.Length - _end < size)
        {
            _chunk = new byte[Math.Max(size, MessageBatch.ChunkSize)];
            _start = _end = 0;
        }

        letter.Write(_chunk.AsSpan(_end, size), body);
        (Targets, Window, IsKept) = (targets, window, isKept);
        _end += size;
        _count++;
        _flags |= letter.Flags;
        return true;
    }

    /// <summary>Notes which message the letter that was added last was.</summary>
    /// <param name="at">When it died.</param>
    /// <param name="offset">In its queue, or <see cref="DeadRun.NeverEnqueued"/>.</param>
    public void AddSource(in DeadRun dead, DateTimeOffset at, long offset, ReadOnlyMemory<byte> record)
    {
        if (offset == DeadRun.NeverEnqueued)
        {
            return;
        }

        var source = dead.Only(offset, record);
        if (_sources.Count == 0)
        {
            _sources.Add((source, at));
            return;
        }

        var (last, lastAt) = _sources[^1];
        if (dead.IsKept && lastAt == at && last.TryJoin(source, out var joined))
        {
            _sources[^1] = (joined, at);
        }
        else if (!dead.IsKept && last.Run.End == offset)
        {
            _sources[^1] = (last with { Run = last.Run with { Count = last.Run.Count + 1 } }, at);
        }
        else
        {
            _sources.Add((source, at));
        }
    }

    /// <param name="sources">The messages that the letters were, and when they died, without their records, unless the store has not got them.</param>
    public bool TryTake(out MessageBatch batch, out IReadOnlyList<(DeadRun Dead, DateTimeOffset At)> sources)
    {
        (sources, _sources) = (_sources, []);
        batch = new MessageBatch(_chunk.AsMemory(_start, _end - _start), _count, _flags) { Window = Window };
        var any = _count > 0;
        (_start, _count, _flags) = (_end, 0, MessageFlags.None);
        return any;
    }
}
