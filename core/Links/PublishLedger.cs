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
/// The batches of one session that are not settled yet, in the order of their numbers: first they wait for the queue's answer, which gives
/// them offsets, then for the watermark to pass those. Until then they are kept, because an activation that follows is sent them again.
/// </summary>
/// <param name="accepted">Told the bytes of each batch that is no longer unanswered.</param>
/// <param name="reopened">Told the bytes of each batch that is unanswered once more.</param>
/// <param name="settled">Told the bytes of each batch that leaves: the watermark passed it, or there is nothing to wait for.</param>
public sealed class PublishLedger(Action<int> accepted, Action<int> reopened, Action<int> settled)
{
    private readonly Queue<Entry> _unanswered = new();
    private readonly Queue<Answered> _answered = new();
    private long _lastNumber;
    private long _watermark;

    public bool AllAnswered => _unanswered.Count == 0;

    /// <summary>Nothing waits for anything.</summary>
    public bool IsEmpty => AllAnswered && _answered.Count == 0;

    /// <summary>Keeps a batch; what is to be sent of it.</summary>
    public PublishItem Add(in MessageBatch batch, IPublishOutcome? outcome)
    {
        LargeRecord.Hold(batch.Records);
        var entry = new Entry(batch, ++_lastNumber, batch.Records.Length, outcome);
        _unanswered.Enqueue(entry);
        return new PublishItem(batch, Resent: false) { Number = entry.Number };
    }

    /// <summary>Takes the answer to the first batch that has none.</summary>
    public void Answer(PublishedItem item)
    {
        ArgumentNullException.ThrowIfNull(item);
        var entry = TakeUnanswered();
        if (item.Refused is { } refused)
        {
            entry.Outcome?.Refuse(entry.Places is { } places ? [.. refused.Select(index => places[index])] : refused);
        }

        _answered.Enqueue(new Answered(entry, item.FirstOffset + entry.Batch.Count - (item.Refused?.Length ?? 0), item.Refused));
    }

    /// <summary>Everything below <paramref name="watermark"/> is safe.</summary>
    public void Advance(long watermark)
    {
        _watermark = Math.Max(_watermark, watermark);
        while (_answered.TryPeek(out var first) && first.End <= _watermark)
        {
            _answered.Dequeue();
            Pass(first.Entry);
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

    /// <summary>The queue is not there: all but the last <paramref name="keep"/> batches are unrouted, but for those that it had taken when it was.</summary>
    public void Abandon(int keep)
    {
        while (_unanswered.Count > keep)
        {
            var entry = TakeUnanswered();
            if (entry.WasAnswered)
            {
                Pass(entry);
                continue;
            }

            settled(entry.Size);
            entry.Outcome?.Unrouted();
        }
    }

    /// <summary>
    /// The activation is lost: what it was sent is unanswered once more, and to be sent again to the one that follows. What it had refused stays refused.
    /// </summary>
    /// <param name="unsent">So many of the last batches had not been sent to it.</param>
    /// <returns>What is to be sent now, in the order of the numbers.</returns>
    public List<PublishItem> Reopen(int unsent)
    {
        var entries = new List<Entry>();
        foreach (var (entry, _, refused) in _answered)
        {
            if (refused?.Length == entry.Batch.Count)
            {
                Pass(entry);
                continue;
            }

            reopened(entry.Size);
            entries.Add(entry.Without(refused) with { WasAnswered = true });
        }

        // Of those that had an answer before and were sent again since, nobody knows what the activation did that is lost now.
        var taken = entries.Count;
        entries.AddRange(_unanswered);
        _answered.Clear();
        _unanswered.Clear();
        var items = new List<PublishItem>(entries.Count);
        for (var i = 0; i < entries.Count; i++)
        {
            var entry = entries[i];
            _unanswered.Enqueue(entry);
            items.Add(new PublishItem(entry.Batch, Resent: i < entries.Count - unsent) { Number = entry.Number, WasTaken = i < taken });
        }

        return items;
    }

    /// <summary>Takes out the first batch without an answer, to be published anew over another session.</summary>
    public bool TryTakeUnanswered(out MessageBatch batch, out IPublishOutcome? outcome)
    {
        if (_unanswered.Count == 0)
        {
            (batch, outcome) = (default, null);
            return false;
        }

        var entry = TakeUnanswered();
        (batch, outcome) = (entry.Batch, entry.Outcome);
        settled(entry.Size);
        return true;
    }

    /// <summary>Takes out the first batch of which nobody knows that it is safe, answered or not, but for the last <paramref name="keep"/>.</summary>
    public bool TryTakeUnsafe(int keep, out IPublishOutcome? outcome)
    {
        if (_answered.TryDequeue(out var answered))
        {
            outcome = answered.Entry.Outcome;
            settled(answered.Entry.Size);
            return true;
        }

        outcome = null;
        return _unanswered.Count > keep && TryTakeUnanswered(out _, out outcome);
    }

    private void Pass(in Entry entry)
    {
        settled(entry.Size);
        entry.Outcome?.Passed();
        LargeRecord.LetGo(entry.Batch.Records);
    }

    private Entry TakeUnanswered()
    {
        var entry = _unanswered.Dequeue();
        accepted(entry.Size);
        return entry;
    }

    private readonly record struct Answered(Entry Entry, long End, int[]? Refused);

    /// <param name="Size">What is counted for it.</param>
    /// <param name="Places">Where the messages of the batch stood when it was published, if some have been left out since.</param>
    /// <param name="WasAnswered">A queue had taken it that is lost since.</param>
    private readonly record struct Entry(MessageBatch Batch, long Number, int Size, IPublishOutcome? Outcome, int[]? Places = null, bool WasAnswered = false)
    {
        /// <summary>Without the messages at these indexes.</summary>
        public Entry Without(int[]? refused)
        {
            if (refused is null)
            {
                return this;
            }

            var kept = new List<int>();
            var records = new List<byte>();
            var all = Batch.Records.Span;
            for (int index = 0, at = 0; at < all.Length; index++)
            {
                var length = MessageRecord.LengthOf(all[at..]);
                if (Array.IndexOf(refused, index) < 0)
                {
                    kept.Add(Places is { } places ? places[index] : index);
                    records.AddRange(all.Slice(at, length));
                }

                at += length;
            }

            return this with { Batch = Batch with { Records = records.ToArray(), Count = kept.Count }, Places = [.. kept] };
        }
    }
}
