using Granary.Core.Figures;
using Granary.Core.Links;
using Granary.Core.Messages;
using Granary.Silo.DeadLetters;
using Granary.Silo.Queues.Definition;
using Granary.Silo.Queues.Links;
using Granary.Silo.Queues.Messages;

namespace Granary.Silo.Queues;

/// <summary>What publishers send: taken, or refused where there is a limit that refuses.</summary>
internal sealed partial class Queue
{
    private void Publish(QueueLink link, PublishItem publish, long now)
    {
        var batch = publish.Batch;
        if (TryRecognise(link, publish))
        {
            return;
        }

        if (_limit is { Refuses: true })
        {
            var first = _nextOffset;
            var refused = AppendWhatFits(publish, _limit, now);
            Figures.Add(QueueCount.Refuse, refused?.Length ?? 0);
            Figures.Add(QueueCount.Publish, batch.Count - (refused?.Length ?? 0));
            var mustWait = refused is not null && Refused.IsFull(isLetter: (batch.Flags & MessageFlags.DeadLettered) != 0);
            _answers.Give(link, new PublishedItem(first, refused), IsShortOfMemory, mustWait);
            link.PublishedEnd = _nextOffset;
            NoteTaken(link, publish, first, isWhole: refused is null);
            return;
        }

        Answer(link, new PublishedItem(_nextOffset, null, _dispatch.Backlog(_ready, batch, now)));
        Figures.Add(QueueCount.Publish, batch.Count);
        var run = new MessageRun(batch.Records, _nextOffset, batch.Count, publish.Resent, batch.Flags, now);
        if (SeenFor(batch) is { } seen)
        {
            AppendUnseen(run, seen, now);
        }
        else
        {
            Append(run, now);
        }

        link.PublishedEnd = _nextOffset;
        NoteTaken(link, publish, run.First, isWhole: true);
    }

    /// <summary>Each message is refused that would be one too many; what consumers can take does not count. Says which were refused.</summary>
    private int[]? AppendWhatFits(PublishItem publish, LengthLimit limit, long now)
    {
        List<int>? refused = null;
        var records = publish.Batch.Records;
        var seen = SeenFor(publish.Batch);
        for (var i = 0; i < publish.Batch.Count; i++)
        {
            var record = new MessageRecord(records.Span);
            var bodyLength = record.Body.Length;
            var message = new MessageRun(records[..record.Length], _nextOffset, Count: 1, publish.Resent, publish.Batch.Flags, now);
            records = records[record.Length..];
            SessionId key = default;
            if (seen?.HasSeen(record, now, out key) == true)
            {
                _nextOffset++;
                Figures.Add(QueueCount.Duplicate, 1);
                Figures.Add(QueueCount.Publish, -1);
                continue;
            }

            if (!limit.HasRoomFor(_ready, bodyLength))
            {
                _dispatch.Deliver(_ready, _bound, _untidy, now);
                ExpireAll(now);
            }

            if (limit.HasRoomFor(_ready, bodyLength))
            {
                seen?.Add(key, record.IsPersistent, now);
                Append(message, now);
                continue;
            }

            (refused ??= []).Add(i);
            if (_settings.Overflow == Overflow.RejectPublishDeadLetter)
            {
                Bury(message with { First = DeadRun.NeverEnqueued }, DeathReason.MaxLength);
            }
        }

        return refused?.ToArray();
    }

    /// <summary>Nothing that is overdue takes up room, however much it is.</summary>
    private void ExpireAll(long now)
    {
        while (!_ready.Expire(now + 1))
        {
        }
    }

    private void Append(in MessageRun run, long now)
    {
        _bound.BeginTurn(_nextOffset);
        _arrivals?.Note(_nextOffset, now);
        _nextOffset = run.End;
        if (_delayed is not null)
        {
            Delays.Split(run, now, _lifetimes);
            EnqueueParts();
            return;
        }

        if (Definition.Type == QueueTypes.History)
        {
            // Its time to live begins where it goes.
            Enqueue(Delays.Keep(run));
            return;
        }

        if (_settings.MessageTtl is null && (run.Flags & MessageFlags.HasExpiry) == 0)
        {
            Enqueue(run);
            return;
        }

        Lifetimes.Split(run, _settings.MessageTtl, now, _lifetimes);
        EnqueueParts();
    }

    private void EnqueueParts()
    {
        foreach (var part in _lifetimes)
        {
            Enqueue(part);
        }

        _lifetimes.Clear();
    }

    // The queue holds it until it is delivered without acknowledgement, which hands the hold on, acknowledged, or stored and paged out.
    private void Enqueue(in MessageRun run)
    {
        LargeRecord.Hold(run.Records);
        _ready.Append(run);
        if (run.IsPersistent)
        {
            _journal?.Append(run, isUrgent: !_isCommitting);
        }
    }
}
