using System.Numerics;
using System.Runtime.InteropServices;
using Granary.Core.Messages;
using Granary.Silo.Queues.Messages;

namespace Granary.Silo.Storage.Files;

/// <summary>Turns what a flush is to change into entries, and finds out what it must not change.</summary>
internal sealed class FlushComposer(LogState state, FlushBuffer buffer, StreamFiles streams)
{
    /// <summary>Records of several queues are stored once from here on.</summary>
    private const int ShareFrom = 4096;

    /// <summary>Successive runs become one batch up to this many bytes.</summary>
    private const int JoinTo = MessageBatch.ChunkSize;

    private readonly List<StoredQueue> _fenced = [];
    private readonly List<RowChange> _conflicts = [];
    private readonly Dictionary<RowKey, long> _versions = [];
    private readonly Dictionary<RunPlace, Use> _uses = [];
    private readonly List<(long First, long End)> _settled = [];

    /// <summary>Adds the entries for a flush, and says what it left out.</summary>
    public FlushResult Compose(Flush flush)
    {
        _fenced.Clear();
        _conflicts.Clear();
        _versions.Clear();
        CountUses(flush);
        foreach (var changes in flush.Queues)
        {
            Compose(changes);
        }

        foreach (var change in flush.Rows)
        {
            Compose(change);
        }

        streams.ComposeTouched(buffer);
        _uses.Clear();
        return _fenced.Count + _conflicts.Count == 0 ? FlushResult.Complete : new FlushResult([.. _fenced], [.. _conflicts]);
    }

    /// <summary>Adds of changes what frees space, see <see cref="IMessageStore.FreeSpaceAsync"/>, and says of which queues it cannot.</summary>
    public List<StoredQueue> ComposeFreeing(IReadOnlyList<QueueChanges> queues)
    {
        List<StoredQueue> leftOut = [];
        foreach (var changes in queues)
        {
            var handle = (FileQueue)changes.Queue;
            if ((handle.Log ?? state.Find(handle.Identity)) is not { IsDeleted: false } queue || queue.Epoch != handle.Epoch)
            {
                leftOut.Add(handle);
                continue;
            }

            Touch(queue, changes);
            ComposeSettled(queue.Number, queue, changes);
            if (changes.DeliveredBound > queue.DeliveredBound)
            {
                buffer.AddProgress(queue.Number, queue.OffsetBound, changes.DeliveredBound, []);
            }
        }

        streams.ComposeTouched(buffer);
        return leftOut;
    }

    private static bool TryGetKey(in MessageRun run, out RunPlace key)
    {
        var place = run.Length >= ShareFrom ? run.Place : null;
        key = place.GetValueOrDefault();
        return place is not null;
    }

    private void CountUses(Flush flush)
    {
        if (flush.Queues.Count < 2)
        {
            return;
        }

        foreach (var changes in flush.Queues)
        {
            foreach (var run in changes.Runs)
            {
                if (TryGetKey(run, out var key))
                {
                    CollectionsMarshal.GetValueRefOrAddDefault(_uses, key, out _).Count++;
                }
            }
        }
    }

    private void Compose(QueueChanges changes)
    {
        var handle = (FileQueue)changes.Queue;
        var queue = handle.Log ?? state.Find(handle.Identity);
        if (queue is null ? !changes.IsCreated : queue.IsDeleted || queue.Epoch > handle.Epoch)
        {
            _fenced.Add(handle);
            return;
        }

        if (changes.IsDeleted)
        {
            if (queue is not null)
            {
                buffer.AddQueueDeleted(queue.Number);
            }

            return;
        }

        var number = queue?.Number ?? state.NextNumber++;
        if (queue is null || queue.Epoch < handle.Epoch)
        {
            buffer.AddQueue(number, handle.Identity, handle.Epoch, queue);
        }

        if (queue is { Files.Count: > 0 })
        {
            Touch(queue, changes);
        }

        ComposeRuns(number, changes.Runs);
        ComposeSettled(number, queue, changes);
        if (changes.Sessions.Count > 0 || changes.OffsetBound > (queue?.OffsetBound ?? 0) || changes.DeliveredBound != (queue?.DeliveredBound ?? 0))
        {
            buffer.AddProgress(number, changes.OffsetBound, changes.DeliveredBound, changes.Sessions);
        }
    }

    /// <summary>What takes the place of something in a file of the queue's own, and what is settled there.</summary>
    private void Touch(QueueLog queue, QueueChanges changes)
    {
        foreach (var run in changes.Runs)
        {
            streams.Touch(queue, run.First, run.End);
        }

        foreach (var range in changes.Settled)
        {
            streams.Touch(queue, range.First, range.End);
        }
    }

    private void ComposeRuns(ulong queue, List<MessageRun> runs)
    {
        for (var i = 0; i < runs.Count;)
        {
            var first = runs[i];
            if (IsShared(first, out var key))
            {
                ComposeReference(queue, first, key);
                i++;
                continue;
            }

            var end = i + 1;
            var (count, length, flags) = (first.Count, first.Length, first.Flags);
            while (end < runs.Count && Continues(runs[end - 1], runs[end]) && length + runs[end].Length <= JoinTo && !IsShared(runs[end], out _))
            {
                var next = runs[end++];
                (count, length, flags) = (count + next.Count, length + next.Length, flags | next.Flags);
            }

            var (marks, bodies) = LookAt(CollectionsMarshal.AsSpan(runs)[i..end]);
            buffer.BeginBatch(EntryType.Batch, new BatchHead(queue, first.First, first.Due, count, length, bodies, flags, marks));
            for (; i < end; i++)
            {
                buffer.AddRecords(runs[i].Records);
            }

            buffer.End();
        }
    }

    private void ComposeReference(ulong queue, in MessageRun run, RunPlace key)
    {
        ref var use = ref CollectionsMarshal.GetValueRefOrAddDefault(_uses, key, out _);
        if (!use.IsWritten)
        {
            use.IsWritten = true;
            (use.Marks, use.BodiesLength) = LookAt(new ReadOnlySpan<MessageRun>(in run));
            buffer.BeginBatch(EntryType.Shared, new BatchHead(0, 0, 0, run.Count, run.Length, use.BodiesLength, run.Flags, use.Marks));
            buffer.AddRecords(run.Records);
            use.Position = buffer.End();
        }

        var uses = (byte)BitOperations.Log2((uint)use.Count);
        buffer.BeginBatch(
            EntryType.Reference, new BatchHead(queue, run.First, run.Due, run.Count, run.Length, use.BodiesLength, run.Flags, use.Marks, uses, use.Position));
        buffer.End();
    }

    private void ComposeSettled(ulong number, QueueLog? queue, QueueChanges changes)
    {
        _settled.Clear();
        foreach (var range in changes.Settled)
        {
            // What was never stored needs no word.
            if (changes.Runs.Count == 0 && (queue is null || !queue.Batches.HasAnyIn(range.First, range.End)))
            {
                continue;
            }

            if (_settled.Count > 0 && _settled[^1].End == range.First)
            {
                _settled[^1] = (_settled[^1].First, range.End);
            }
            else
            {
                _settled.Add((range.First, range.End));
            }
        }

        if (_settled.Count > 0)
        {
            buffer.AddSettled(number, CollectionsMarshal.AsSpan(_settled));
        }
    }

    private void Compose(RowChange change)
    {
        if (!_versions.TryGetValue(change.Key, out var version))
        {
            version = state.Rows.Find(change.Key)?.Version ?? 0;
        }

        var isOther = change.Expected is { } expected && (expected != version || _conflicts.Exists(conflict => conflict.Key == change.Key));
        if (isOther || (change.IsGuarded && _fenced.Count > 0))
        {
            _conflicts.Add(change);
        }
        else if (change.Value is { } value)
        {
            _versions[change.Key] = version + 1;
            buffer.AddRow(change.Key, value.Span, version + 1);
        }
        else if (version > 0)
        {
            _versions[change.Key] = 0;
            buffer.AddRowRemoved(change.Key);
        }
    }

    private bool IsShared(in MessageRun run, out RunPlace key)
    {
        key = default;
        return _uses.Count > 0 && TryGetKey(run, out key) && _uses.TryGetValue(key, out var use) && use.Count > 1;
    }

    private static bool Continues(in MessageRun left, in MessageRun right) =>
        left.End == right.First && left.Due == right.Due && ((left.Flags ^ right.Flags) & MessageFlags.Persistent) == 0;

    /// <summary>Whether messages without the persistent flag are among those with it, and the length of all bodies. Their memory is read for the checksum anyway.</summary>
    public static (EntryMarks Marks, int BodiesLength) LookAt(ReadOnlySpan<MessageRun> runs)
    {
        if ((runs[0].Flags & MessageFlags.Persistent) == 0)
        {
            return (EntryMarks.None, 0);
        }

        var (marks, bodies) = (EntryMarks.None, 0);
        foreach (ref readonly var run in runs)
        {
            for (var records = run.Records.Span; !records.IsEmpty;)
            {
                var record = new MessageRecord(records);
                marks = record.IsPersistent ? marks : EntryMarks.Mixed;
                bodies += record.Body.Length;
                records = records[record.Length..];
            }
        }

        return (marks, bodies);
    }

    private struct Use
    {
        public int Count;
        public bool IsWritten;
        public long Position;
        public EntryMarks Marks;
        public int BodiesLength;
    }
}
