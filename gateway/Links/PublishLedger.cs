using Granary.Core.Links;
using Granary.Core.Messages;

namespace Granary.Gateway.Links;

/// <summary>
/// The batches of one link that are not settled yet, in the order in which they were added: first they wait for the queue's answer, which gives
/// them offsets, then for the watermark to pass those. Until then they are kept, because a queue that is lost is sent them again.
/// </summary>
internal sealed class PublishLedger(LinkSet set)
{
    private readonly Queue<Entry> _unanswered = new();
    private readonly Queue<(Entry Entry, long End)> _answered = new();
    private long _watermark;

    public bool AllAnswered => _unanswered.Count == 0;

    public void Add(in MessageBatch batch, PublishRun? run) => _unanswered.Enqueue(new Entry(batch, run));

    public void Answer(PublishedItem item)
    {
        var entry = _unanswered.Dequeue();
        set.Unaccepted -= entry.Batch.Records.Length;
        if (item.Refused is { } refused)
        {
            entry.Run?.Refuse(refused);
        }

        _answered.Enqueue((entry, item.FirstOffset + entry.Batch.Count - (item.Refused?.Length ?? 0)));
    }

    /// <summary>Everything below <paramref name="watermark"/> is safe.</summary>
    public void Advance(long watermark)
    {
        _watermark = Math.Max(_watermark, watermark);
        while (_answered.TryPeek(out var first) && first.End <= _watermark)
        {
            _answered.Dequeue();
            first.Entry.Run?.Passed();
        }
    }

    /// <summary>The queue that had answered is deleted: that counts as confirmed.</summary>
    public void PassAnswered() => Advance(long.MaxValue);

    /// <summary>The link was closed in good order: all of it was applied.</summary>
    public void PassAll()
    {
        PassAnswered();
        Abandon(0);
    }

    /// <summary>The queue is not there: all but the last <paramref name="keep"/> batches are unrouted.</summary>
    public void Abandon(int keep)
    {
        while (_unanswered.Count > keep)
        {
            var entry = _unanswered.Dequeue();
            set.Unaccepted -= entry.Batch.Records.Length;
            entry.Run?.Unrouted();
        }
    }

    public void MoveTo(QueueLink other, int count)
    {
        for (; count > 0; count--)
        {
            var entry = _unanswered.Dequeue();
            set.Unaccepted -= entry.Batch.Records.Length;
            other.Publish(entry.Batch, entry.Run);
        }
    }

    private readonly record struct Entry(MessageBatch Batch, PublishRun? Run);
}
