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

    public string[] Targets { get; private set; } = [];

    /// <summary>Adds a letter; false: what is there has to be taken first.</summary>
    public bool TryAdd(DeadLetter letter, ReadOnlySpan<byte> body, string[] targets)
    {
        var size = (int)letter.SizeWith(body.Length);
        if (_count > 0 && (_chunk.Length - _end < size || !targets.AsSpan().SequenceEqual(Targets)))
        {
            return false;
        }

        if (_chunk.Length - _end < size)
        {
            _chunk = new byte[Math.Max(size, MessageBatch.ChunkSize)];
            _start = _end = 0;
        }

        letter.Write(_chunk.AsSpan(_end, size), body);
        Targets = targets;
        _end += size;
        _count++;
        _flags |= letter.Flags;
        return true;
    }

    public bool TryTake(out MessageBatch batch)
    {
        batch = new MessageBatch(_chunk.AsMemory(_start, _end - _start), _count, _flags);
        var any = _count > 0;
        (_start, _count, _flags) = (_end, 0, MessageFlags.None);
        return any;
    }
}
