using Granary.Core.Links;
using Granary.Silo.Queues.Links;
using Granary.Silo.Queues.Messages;

namespace Granary.Silo.Streams;

/// <summary>One consumer of a stream: where it reads, and how much it may be given. Any number of them read the same messages.</summary>
internal sealed class StreamCursor(QueueLink link, AttachItem attach, StreamFilter? filter)
{
    private readonly List<DeliverySlice> _slices = [];
    private readonly Queue<MessageRun> _ahead = new();
    private Window _window = attach.Window;
    private long _givenMessages;
    private long _givenBytes;

    /// <summary>What follows the messages that were given last, in the memory that those were in; of no messages, if that is over.</summary>
    private MessageRun _rest;

    public QueueLink Link { get; } = link;

    /// <summary>The gateway's number for it.</summary>
    public int Number => attach.Consumer;

    public StreamFilter? Filter => filter;

    /// <summary>Unacknowledged deliveries allowed; 0 is no limit.</summary>
    public int Prefetch { get; set; } = attach.Prefetch;

    public long Unacked { get; set; }

    /// <summary>The offset of the next message; below 0 until it is known where it begins.</summary>
    public long Position { get; private set; } = -1;

    public bool IsGone { get; private set; }

    /// <summary>Something is read back from the store for it.</summary>
    public bool IsReading { get; set; }

    /// <summary>The end of what was read back for it, and the bytes of that.</summary>
    public (long End, long Bytes) Ahead { get; private set; }

    /// <summary>What it has in memory ends here.</summary>
    public long LoadedEnd => Ahead.Bytes > 0 ? Ahead.End : _rest.Count > 0 ? _rest.End : Position;

    /// <summary>It may be given messages until this falls to 0 or below.</summary>
    private long ByteCredit => _window.Bytes - _givenBytes;

    /// <summary>How many messages it may be given now, as far as numbers go.</summary>
    public long Credit => Math.Min(_window.Messages - _givenMessages, Prefetch == 0 ? long.MaxValue : Prefetch - Unacked);

    public bool IsAble => Position >= 0 && Credit > 0 && ByteCredit > 0;

    public bool HasDeliveries => _slices.Count > 0;

    /// <summary>Limits that come late and are lower than known ones are old.</summary>
    public void Renew(Window window) =>
        _window = new Window(Math.Max(window.Messages, _window.Messages), Math.Max(window.Bytes, _window.Bytes));

    /// <summary>Goes on at an offset: where it begins, or behind what is not there any more.</summary>
    public void MoveTo(long offset)
    {
        Position = offset;
        if (_rest.Count == 0 || offset < _rest.First || offset >= _rest.End)
        {
            _rest = default;
        }
        else if (offset > _rest.First)
        {
            var skipped = (int)(offset - _rest.First);
            _rest = _rest.After(skipped, _rest.LengthOf(skipped));
        }
    }

    /// <summary>The messages at its position, if they are at hand.</summary>
    public bool TryPeek(StreamTail tail, out MessageRun run)
    {
        while (_rest.Count == 0 && _ahead.TryDequeue(out var next))
        {
            Ahead = (Ahead.End, Ahead.Bytes - next.Length);
            if (next.End > Position)
            {
                // What is missing before it is passed over.
                _rest = next;
                MoveTo(Math.Max(Position, next.First));
            }
        }

        run = _rest;
        return run.Count > 0 || tail.TryFind(Position, out run);
    }

    /// <summary>Gives it the first messages of a run, as far as it wants them.</summary>
    public void Give(in MessageRun run, int count)
    {
        var length = run.LengthOf(count);
        _rest = count == run.Count ? default : run.After(count, length);
        Position = run.First + count;
        _givenMessages += count;
        _givenBytes += length;
        Unacked += count;
        _slices.Add(run.Head(count, length).ToSlice() with { FirstOffset = StreamOffsets.Tag(Number, run.First) });
    }

    /// <summary>Passes over the first messages of a run.</summary>
    public void Skip(in MessageRun run, int count)
    {
        _rest = count == run.Count ? default : run.After(count, run.LengthOf(count));
        Position = run.First + count;
    }

    /// <summary>Takes what was read back for it.</summary>
    public void Load(ReadOnlySpan<MessageRun> runs)
    {
        foreach (var run in runs)
        {
            _ahead.Enqueue(run);
            Ahead = (run.End, Ahead.Bytes + run.Length);
        }
    }

    public DeliveryItem TakeDeliveries()
    {
        var item = new DeliveryItem(Number, [.. _slices]);
        _slices.Clear();
        return item;
    }

    public void Leave()
    {
        IsGone = true;
        _ahead.Clear();
        _rest = default;
        Ahead = default;
    }
}
