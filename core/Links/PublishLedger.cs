using Granary.Core.Messages;

namespace Granary.Core.Links;

/// <summary>Wants to know what becomes of one batch at each queue that it goes to.</summary>
public interface IPublishOutcome
{
    /// <summary>A queue refused the messages at these indexes; <see cref="Passed"/> follows for the others.</summary>
    void Refuse(int[] indexes);

    /// <summary>A queue has the messages, durably where that was asked for, or is done with them.</summary>
    void Passed();

    /// <summary>There was no queue.</summary>
    void Unrouted();

    /// <summary>Nobody can say whether a queue has the messages. Nothing follows.</summary>
    void Lost();
}

/// <summary>
/// The batches of one link that are not settled yet, in the order in which they were added: first they wait for the queue's answer, which gives
/// them offsets, then for the watermark to pass those. Until then they are kept, because a queue that is lost is sent them again.
/// </summary>
/// <param name="accepted">Told the bytes of each batch that is no longer unanswered.</param>
/// <param name="settled">Told the bytes of each batch that leaves: the watermark passed it, or there is nothing to wait for.</param>
public sealed class PublishLedger<TOutcome>(Action<int> accepted, Action<int> settled)
    where TOutcome : class, IPublishOutcome
{
    private readonly Queue<Entry> _unanswered = new();
    private readonly Queue<(Entry Entry, long End)> _answered = new();
    private long _watermark;

    public bool AllAnswered => _unanswered.Count == 0;

    /// <summary>Nothing waits for anything.</summary>
    public bool IsEmpty => AllAnswered && _answered.Count == 0;

    public void Add(in MessageBatch batch, TOutcome? outcome)
    {
        LargeRecord.Hold(batch.Records);
        _unanswered.Enqueue(new Entry(batch, outcome));
    }

    /// <summary>Takes the answer to the first batch that has none.</summary>
    public void Answer(PublishedItem item)
    {
        ArgumentNullException.ThrowIfNull(item);
        var entry = TakeUnanswered();
        if (item.Refused is { } refused)
        {
            entry.Outcome?.Refuse(refused);
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
            settled(first.Entry.Batch.Records.Length);
            first.Entry.Outcome?.Passed();
            LargeRecord.LetGo(first.Entry.Batch.Records);
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
            var entry = TakeUnanswered();
            settled(entry.Batch.Records.Length);
            entry.Outcome?.Unrouted();
        }
    }

    /// <summary>Takes out the first batch without an answer, to be published anew over another link.</summary>
    public bool TryTakeUnanswered(out MessageBatch batch, out TOutcome? outcome)
    {
        if (_unanswered.Count == 0)
        {
            (batch, outcome) = (default, null);
            return false;
        }

        (batch, outcome) = TakeUnanswered();
        settled(batch.Records.Length);
        return true;
    }

    /// <summary>Takes out the first batch of which nobody knows that it is safe, answered or not, but for the last <paramref name="keep"/>.</summary>
    public bool TryTakeUnsafe(int keep, out MessageBatch batch, out TOutcome? outcome)
    {
        if (_answered.TryDequeue(out var answered))
        {
            (batch, outcome) = answered.Entry;
            settled(batch.Records.Length);
            return true;
        }

        (batch, outcome) = (default, null);
        return _unanswered.Count > keep && TryTakeUnanswered(out batch, out outcome);
    }

    private Entry TakeUnanswered()
    {
        var entry = _unanswered.Dequeue();
        accepted(entry.Batch.Records.Length);
        return entry;
    }

    private readonly record struct Entry(MessageBatch Batch, TOutcome? Outcome);
}
