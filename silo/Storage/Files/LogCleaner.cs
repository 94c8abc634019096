using System.Numerics;
using System.Runtime.InteropServices;
using Granary.Silo.Queues.Messages;
using Microsoft.Extensions.Logging;

namespace Granary.Silo.Storage.Files;

/// <summary>
/// Wins back space: when much of the log is not needed, what is needed of its oldest segment is written again at its end, a step with each flush, and the
/// segment is removed. Only ever the oldest: so whatever settles, deletes or replaces something outlives it.
/// </summary>
internal sealed class LogCleaner(LogState state, FileStoreOptions options, TimeProvider time, ILogger logger)
{
    private static readonly TimeSpan FirstPause = TimeSpan.FromSeconds(1);

    /// <summary>Each try may read all of a segment in vain.</summary>
    private static readonly TimeSpan LongestPause = TimeSpan.FromMinutes(5);

    private readonly HashSet<ulong> _queues = [];
    private readonly Dictionary<long, long> _shared = [];

    /// <summary>Of the part that is being moved, by where shared records are: how many batches that stay references need them. Counted when the first reference is met.</summary>
    private readonly Dictionary<long, int> _uses = [];
    private bool _areUsesCounted;
    private byte[] _bytes = [];
    private Segment? _segment;
    private long _position;
    private long _nextPosition;

    /// <summary>The segment that could not be cleaned when it was last tried, when that was, and how long it is left alone.</summary>
    private Segment? _failed;
    private long _failedAt;
    private TimeSpan _pause;

    public bool HasWork => _segment is not null || (IsDue && !IsPausing);

    private bool IsPausing => _failed == state.Segments.Oldest && time.GetElapsedTime(_failedAt) < _pause;

    private bool IsDue
    {
        get
        {
            // While an oldest segment that is not needed cannot be removed, nothing is won by cleaning the next.
            var live = state.Segments.LiveBytes;
            return state.Segments.Count > 1 && state.Segments.Oldest.Holds > 0 && state.Segments.Bytes - live > Math.Max(live, options.DeadBytesAllowed);
        }
    }

    /// <summary>Adds what is needed of the next part of the oldest segment. It comes first in its flush: what else the flush does, it does to that.</summary>
    /// <param name="bytes">How much the flush writes itself.</param>
    public void Step(FlushBuffer buffer, long bytes)
    {
        if (!HasWork)
        {
            return;
        }

        if (_segment is null)
        {
            _segment = state.Segments.Oldest;
            _position = SegmentHeader.Size;
        }

        _nextPosition = _position;
        _queues.Clear();
        _shared.Clear();
        _uses.Clear();
        _areUsesCounted = false;
        try
        {
            MovePart(_segment, (int)Math.Min(_segment.End - _position, options.CleaningStep + Math.Min(bytes, 4 * options.CleaningStep)), buffer);
        }
        catch (Exception e) when (e is IOException or StoreException)
        {
            GiveUp(_segment, e.Message);
        }
    }

    /// <summary>The flush with the step was written and applied.</summary>
    public void Advance()
    {
        if (_segment is not { } segment)
        {
            return;
        }

        _position = _nextPosition;
        if (segment.Holds == 0)
        {
            End();
        }
        else if (_position >= segment.End)
        {
            GiveUp(segment, "what is needed of it was not found");
        }
    }

    /// <summary>The flush with the step was not written.</summary>
    public void Abandon() => _nextPosition = _position;

    private void MovePart(Segment segment, int length, FlushBuffer buffer)
    {
        var part = ReadPart(length);
        var at = 0;
        while (at < part.Length)
        {
            if (LogEntry.TryRead(part.Span[at..], segment.Header.Salt, _position + at, out var entry))
            {
                if (entry.Type == EntryType.Reference && !_areUsesCounted)
                {
                    _areUsesCounted = true;
                    CountUses(part.Span[at..], segment, _position + at);
                }

                Move(entry, part.Slice(at, entry.Length), _position + at, buffer);
                at += LogEntry.Padded(entry.Length);
                continue;
            }

            if (at > 0)
            {
                // The entry is longer than what is left of the part: it begins the next.
                break;
            }

            var whole = LogEntry.LengthAt(part.Span);
            if (whole <= part.Length || whole > segment.End - _position)
            {
                throw new StoreException($"there is no entry with a right checksum at byte {_position}");
            }

            part = ReadPart(whole);
        }

        _nextPosition = _position + at;
    }

    /// <summary>
    /// Each of them is weighed by its share of the records (<see cref="StoredBatch.Weight"/>): by one of then, when more queues needed them, as much would seem to be won by moving them
    /// again, and again.
    /// </summary>
    private void CountUses(ReadOnlySpan<byte> part, Segment segment, long position)
    {
        for (var at = 0; at < part.Length && LogEntry.TryRead(part[at..], segment.Header.Salt, position + at, out var entry); at += LogEntry.Padded(entry.Length))
        {
            if (entry.Type == EntryType.Reference && state.Find(entry.QueueNumber) is { } queue
                && queue.Batches.IndexOf(entry.First) is var index && index < queue.Batches.Count && queue.Batches[index] is var batch
                && batch.IsAt(segment.Number, position + at) && StaysReference(batch))
            {
                CollectionsMarshal.GetValueRefOrAddDefault(_uses, position + at - entry.Distance, out _)++;
            }
        }
    }

    private static bool StaysReference(in StoredBatch batch) => batch is { IsReference: true, IsPart: false } && batch.Live > batch.Count / 2;

    /// <summary>For now: it begins again with the segment later, and finds then that what it has moved is somewhere else.</summary>
    private void GiveUp(Segment segment, string problem)
    {
        if (segment == _failed)
        {
            _pause = _pause < LongestPause / 2 ? _pause * 2 : LongestPause;
        }
        else
        {
            (_failed, _pause) = (segment, FirstPause);
            logger.LogCannotClean(segment.Path, problem);
        }

        _failedAt = time.GetTimestamp();
        End();
    }

    private void End()
    {
        _segment = null;
        _bytes = [];
    }

    private ReadOnlyMemory<byte> ReadPart(int length)
    {
        if (_bytes.Length < length)
        {
            _bytes = GC.AllocateUninitializedArray<byte>(length);
        }

        var read = 0;
        for (int got; read < length && (got = RandomAccess.Read(_segment!.Handle, _bytes.AsSpan(read, length - read), _position + read)) > 0;)
        {
            read += got;
        }

        return _bytes.AsMemory(0, read);
    }

    private void Move(LogEntry entry, ReadOnlyMemory<byte> bytes, long position, FlushBuffer buffer)
    {
        switch (entry.Type)
        {
            case EntryType.Batch or EntryType.Reference when state.Find(entry.QueueNumber) is { } queue:
                MoveBatch(queue, entry, bytes, position, buffer);
                break;
            case EntryType.Queue when state.Find(entry.QueueNumber) is { Identity: { } identity } queue
                && queue.StateSegment == _segment!.Number && _queues.Add(queue.Number):
                buffer.AddQueue(queue.Number, identity, queue.Epoch, queue);
                break;
            case EntryType.Row when state.Rows.Find(entry.RowKey) is { } row && row.Segment == _segment!.Number && row.Position == position:
                buffer.AddCopy(entry.Bytes);
                break;
            default:
                // What it did is done, and what it was done to is gone with the segments up to this one.
                break;
        }
    }

    private void MoveBatch(QueueLog queue, LogEntry entry, ReadOnlyMemory<byte> bytes, long position, FlushBuffer buffer)
    {
        var batches = queue.Batches;
        var end = entry.First + entry.Count;
        ReadOnlyMemory<byte> records = default;
        for (var i = batches.IndexOf(entry.First); i < batches.Count && batches[i].First < end; i++)
        {
            var batch = batches[i];
            if (!batch.IsAt(_segment!.Number, position))
            {
                continue;
            }

            if (StaysReference(batch) && _uses.GetValueOrDefault(position - entry.Distance) is > 1 and var uses)
            {
                MoveReference(queue, batch, position - entry.Distance, uses, buffer);
                continue;
            }

            if (records.IsEmpty)
            {
                records = batch.IsReference
                    ? BatchReader.ReadShared(_segment, position - entry.Distance, entry.RecordsLength)
                    : bytes[LogEntry.BatchHeadSize..];
            }

            MoveUnsettled(queue, batch, new MessageRun(records, entry.First, entry.Count, false, entry.Flags, 0, entry.Due), buffer);
        }
    }

    private static void MoveUnsettled(QueueLog queue, in StoredBatch batch, MessageRun run, FlushBuffer buffer)
    {
        for (var first = batch.First; queue.Batches.TryFindUnsettled(first, batch.End, out var range); first = range.End)
        {
            var skipped = (int)(range.First - run.First);
            if (skipped > 0)
            {
                run = run.After(skipped, run.LengthOf(skipped));
            }

            var count = (int)(range.End - range.First);
            var length = run.LengthOf(count);
            buffer.BeginBatch(EntryType.Batch, new BatchHead(queue.Number, range.First, batch.Due, count, length, (int)run.Head(count, length).BodyLength(), batch.Flags, batch.Marks));
            buffer.AddRecords(run.Records[..length]);
            buffer.End();
            if (count == run.Count)
            {
                break;
            }

            run = run.After(count, length);
        }
    }

    /// <summary>The records stay shared: they are moved with the first of those that need them, and settled ones are settled again.</summary>
    private void MoveReference(QueueLog queue, in StoredBatch batch, long sharedAt, int uses, FlushBuffer buffer)
    {
        if (!_shared.TryGetValue(sharedAt, out var moved))
        {
            var records = BatchReader.ReadShared(_segment!, sharedAt, batch.RecordsLength);
            buffer.BeginBatch(EntryType.Shared, new BatchHead(0, 0, 0, batch.Count, batch.RecordsLength, batch.BodiesLength, batch.Flags, batch.Marks));
            buffer.AddRecords(records);
            moved = buffer.End();
            _shared.Add(sharedAt, moved);
        }

        buffer.BeginBatch(
            EntryType.Reference,
            new BatchHead(queue.Number, batch.First, batch.Due, batch.Count, batch.RecordsLength, batch.BodiesLength, batch.Flags, batch.Marks, (byte)BitOperations.Log2((uint)uses), moved));
        buffer.End();

        var settled = new List<(long, long)>();
        var from = batch.First;
        while (queue.Batches.TryFindUnsettled(from, batch.End, out var range))
        {
            if (range.First > from)
            {
                settled.Add((from, range.First));
            }

            from = range.End;
        }

        if (from < batch.End)
        {
            settled.Add((from, batch.End));
        }

        if (settled.Count > 0)
        {
            buffer.AddSettled(queue.Number, settled.ToArray());
        }
    }
}
