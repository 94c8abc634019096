using Granary.Core.Figures;
using Granary.Core.Messages;
using Granary.Silo.Queues.Deduplication;
using Granary.Silo.Queues.Messages;
using Granary.Silo.Storage;

namespace Granary.Silo.Queues;

/// <summary>What a queue does with messages like those that it has taken before (x-message-deduplication): they are confirmed and dropped.</summary>
internal sealed partial class Queue
{
    /// <summary>Null: every message is taken.</summary>
    private SeenKeys? _seen;

    /// <summary>The widest window that exchanges have asked for whose messages came here; null: none has. It holds while the queue has none of its own, and outlives the activation as keys do.</summary>
    private DeduplicationWindow? _asked;

    /// <summary>What the messages of a batch are compared with; null: they are taken as they are.</summary>
    private SeenKeys? SeenFor(in MessageBatch batch)
    {
        if (_settings.Deduplication is not null)
        {
            return _seen;
        }

        if (batch.Window is not { } window || _delayed is not null)
        {
            return null;
        }

        if (DeduplicationWindow.Widest(_asked, window) is { } widest && widest != _asked)
        {
            _asked = widest;
            _journal?.NoteProgress(MessageKey.Write(widest));
            Deduplicate(null);
        }

        return _seen;
    }

    /// <summary>Takes those that are new. A duplicate has its offset, as others have, and is gone at once: so it is confirmed when what came before it is safe, itself included.</summary>
    private void AppendUnseen(in MessageRun run, SeenKeys seen, long now)
    {
        var records = run.Records.Span;
        var (start, at, length) = (0, 0, 0);
        var rest = run;
        var duplicates = 0;
        for (var i = 0; i < run.Count; i++)
        {
            var record = new MessageRecord(records[at..]);
            at += record.Length;
            if (!seen.HasSeen(record, now, out var key))
            {
                seen.Add(key, record.IsPersistent, now);
                length += record.Length;
                continue;
            }

            AppendHead(ref rest, i - start, length, now);
            rest = rest.After(1, record.Length);
            (start, length, duplicates) = (i + 1, 0, duplicates + 1);
        }

        AppendHead(ref rest, run.Count - start, length, now);
        _nextOffset = run.End;
        Figures.Add(QueueCount.Duplicate, duplicates);
        Figures.Add(QueueCount.Publish, -duplicates);
    }

    private void AppendHead(ref MessageRun rest, int count, int length, long now)
    {
        if (count > 0)
        {
            Append(rest.Head(count, length), now);
            rest = rest.After(count, length);
        }
    }

    /// <param name="own">What the queue's arguments and policies say.</param>
    private void Deduplicate(DeduplicationWindow? own)
    {
        var window = own ?? _asked;
        if (window is not null && _seen is { } seen)
        {
            seen.Apply(window);
        }
        else
        {
            _seen?.Clear();
            _seen = window is null ? null : new SeenKeys(window, _journal);
        }
    }

    /// <summary>Takes up what an earlier activation had: how far sessions had come, and which keys it had seen.</summary>
    private void NoteEarlier(IReadOnlyList<PublishProgress> sessions)
    {
        foreach (var (_, number) in sessions.Where(static progress => progress.Session == MessageKey.OfWindow))
        {
            _asked = MessageKey.ReadWindow(number);
            Deduplicate(_settings.Deduplication);
        }

        foreach (var progress in sessions)
        {
            var (session, number) = progress;
            if (progress.IsOfRefused(out var publisher))
            {
                _sessions.NoteEarlierRefused(publisher, number);
            }
            else if (!MessageKey.Is(session))
            {
                _sessions.NoteEarlier(session, number);
            }
            else if (session == MessageKey.OfHandOver)
            {
                // It says nothing of what is published from now on.
                _hasAllOfEarlier = true;
                _journal?.NoteProgress(PublishProgress.End(session));
            }
            else if (_seen is null)
            {
                // It was to be forgotten when the activation was lost.
                _journal?.NoteProgress(PublishProgress.End(session));
            }
        }

        _seen?.Restore(sessions.Where(static progress =>
            MessageKey.Is(progress.Session) && progress.Session != MessageKey.OfWindow && progress.Session != MessageKey.OfHandOver));
    }
}
