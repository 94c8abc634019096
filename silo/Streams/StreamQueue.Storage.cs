using System.Runtime.InteropServices;
using Granary.Core.Links;
using Granary.Silo.Queues;
using Granary.Silo.Queues.Links;
using Granary.Silo.Storage;

namespace Granary.Silo.Streams;

/// <summary>What of a stream is in the store, what of it is in memory, and what is read back.</summary>
internal sealed partial class StreamQueue
{
    private const int LeastRead = 64 * 1024;
    private const int MostRead = 512 * 1024;

    /// <summary>So many reads are kept for others that come to the same place: they are seldom further apart if they began together.</summary>
    private const int SharedBlocks = 16;

    private long _reported;

    public QueueStorage? Storage => _storage;

    public long StoredThrough => _storage is null ? _nextOffset : Math.Min(_storage.Journal.Watermark, _nextOffset);

    /// <summary>Settlements are not stored: there is nothing to be told again.</summary>
    public (long Current, long Stored) Turn => default;

    public IReadOnlyCollection<SessionId> Awaited => [];

    public bool IsRecovering => false;

    /// <summary>Nobody takes anything from anybody: nobody is waited for.</summary>
    public bool StoresSessions => false;

    /// <summary>All of it is in the store.</summary>
    public string? WhyNotMoved => null;

    /// <summary>Segments have ended, or are gone, which the store is to be told.</summary>
    public bool HasSegmentChanges => _segments.HasChanges;

    private long TailFirst => _tail.IsEmpty ? _nextOffset : _tail.First.First;

    /// <summary>More comes than is stored in time, and all queues together have too much in memory.</summary>
    private bool IsShortOfMemory => _storage is { Budget.IsFull: true } && _tail.Bytes > MemoryBudget.Little;

    private int ReadBytes => (int)Math.Clamp(_storage!.Budget.Limit / 64, LeastRead, MostRead);

    public void Await(SessionId[] sessions, long until)
    {
        // Nobody is.
    }

    public void AwaitNoMore(SessionId session)
    {
        // Nobody was.
    }

    public bool Recover(long now) => false;

    public (long Stored, long Lost) HandOver(QueueJournal? borrowed) => default;

    public void CloseStorage() => EndStorage();

    public void AbandonStorage() => ReportMemory(0);

    public void DeleteStorage()
    {
        _segments.Clear();
        _storage?.Journal.Delete();
        EndStorage();
    }

    /// <summary>Puts in place what the store has of segments that ended.</summary>
    public void RestoreSegments(IEnumerable<StreamSegment> segments)
    {
        if (_storage is { Backlog: var backlog })
        {
            _segments.Restore(segments, backlog.First, backlog.Bytes);
        }
    }

    public (StreamSegment Segment, bool IsGone)[] TakeSegmentChanges() => _segments.TakeChanges();

    /// <summary>What is to be read back now; <see cref="Load"/> has to follow for each.</summary>
    public StreamRead[] TakeReads()
    {
        StreamRead[] reads = [.. _reads];
        _reads.Clear();
        return reads;
    }

    /// <summary>Takes what was read back; null if that failed. To be followed by the end of a turn.</summary>
    /// <returns>How many messages the store has lost: none, if all is well.</returns>
    public long Load(StreamRead read, StreamReading? reading)
    {
        if (read.Since is not null)
        {
            FoundTime(read, reading);
            return 0;
        }

        _reading.Remove(read);
        if (reading is { } found && _cursors.Count > 1)
        {
            _blocks.Add(found.Runs);
        }

        var missing = 0L;
        foreach (var cursor in (ReadOnlySpan<StreamCursor>)[read.Cursor, .. read.Followers])
        {
            cursor.IsReading = false;
            if (!cursor.IsGone && reading is { Runs: var runs })
            {
                cursor.Load(runs);
                missing = Math.Max(missing, SkipMissing(cursor, read.From, runs.Length == 0 ? read.End : runs[0].First));
            }
        }

        return missing;
    }

    private void Recover(StoredBacklog backlog)
    {
        _nextOffset = backlog.NextOffset;
        _first = Math.Min(backlog.First, _nextOffset);
        _lastBatch = Math.Max(_nextOffset - 1, _first);
        Watermark = _nextOffset;
        _segments.Restore([], _first, backlog.Bytes);
        foreach (var (session, number) in backlog.Sessions)
        {
            _sessions.NoteEarlier(session, number);
        }
    }

    /// <summary>It is known where a consumer begins that wants what came since a time; or that could not be found out, and is tried again.</summary>
    private void FoundTime(StreamRead read, StreamReading? reading)
    {
        var cursor = read.Cursor;
        cursor.IsReading = false;
        if (cursor.IsGone)
        {
            return;
        }

        if (reading is { } found)
        {
            Begin(cursor, found.Found);
            return;
        }

        cursor.IsReading = true;
        _reads.Add(read with { From = Math.Max(read.From, _first) });
    }

    /// <summary>What is not there from where it was asked for was dropped since, or is lost: the consumer goes on behind it.</summary>
    private long SkipMissing(StreamCursor cursor, long from, long found)
    {
        from = Math.Max(from, _first);
        if (found <= from)
        {
            return 0;
        }

        if (cursor.Position >= from && cursor.Position < found)
        {
            // What it has before that, it is given first.
            cursor.MoveTo(found);
        }

        return found - from;
    }

    private void StoreTurn()
    {
        // What is gone must not come again.
        _whole.RemoveAll(block => block.First < _first);
        _storage?.Journal.EndTurn(_nextOffset, delivered: 0, isWaitedFor: false, CollectionsMarshal.AsSpan(_whole));
        _whole.Clear();
    }

    /// <summary>Has the store asked for what follows for a consumer, before it has run out of what it has.</summary>
    private void ReadAhead(StreamCursor cursor, bool wasAble, long stored)
    {
        var from = cursor.LoadedEnd;
        var end = Math.Min(TailFirst, stored);
        if (_storage is null || !wasAble || cursor.IsReading || from >= end || cursor.Ahead.Bytes > ReadBytes / 2 || TryShare(cursor, stored))
        {
            return;
        }

        cursor.IsReading = true;
        if (_reading.Find(read => read.From == from) is { } same)
        {
            same.Followers.Add(cursor);
            return;
        }

        var read = new StreamRead(cursor, from, end, ReadBytes);
        _reads.Add(read);
        _reading.Add(read);
    }

    /// <summary>Gives a consumer what follows for it, if that was read for another one lately.</summary>
    private bool TryShare(StreamCursor cursor, long stored)
    {
        var from = cursor.LoadedEnd;
        if (_blocks.Bytes == 0 || cursor.IsReading || from >= Math.Min(TailFirst, stored) || !_blocks.TryFind(from, out var runs))
        {
            return false;
        }

        cursor.Load(runs);
        SkipMissing(cursor, from, runs[0].First);
        return true;
    }

    /// <summary>Of what the store has, only the end stays in memory: as much as consumers that keep up may be behind.</summary>
    private void Trim(long stored)
    {
        if (_storage is not { } storage)
        {
            return;
        }

        var limit = storage.Budget.Limit / 4;
        if (_tail.Bytes > limit || (!_tail.IsEmpty && _tail.First.End <= _first))
        {
            _tail.Trim(limit, Math.Min(stored, storage.Journal.StoredEnd), _first);
        }

        var (bytes, behind) = (_tail.Bytes, 0);
        foreach (var cursor in _cursors)
        {
            bytes += cursor.Ahead.Bytes;
            behind += cursor.LoadedEnd < TailFirst ? 1 : 0;
        }

        _blocks.Trim(behind > 1 ? SharedBlocks * (long)ReadBytes : 0);
        bytes += _blocks.Bytes;

        ReportMemory(bytes);
    }

    private void Answer(QueueLink link, PublishedItem answer) => _answers.Give(link, answer, IsShortOfMemory);

    private void EndStorage()
    {
        _storage?.Journal.EndTurn(_nextOffset, delivered: 0, isWaitedFor: false, []);
        ReportMemory(0);
    }

    private void ReportMemory(long bytes)
    {
        if (bytes != _reported && _storage is not null)
        {
            _storage.Budget.Add(bytes - _reported);
            _reported = bytes;
        }
    }
}
