using Microsoft.Extensions.Logging;

namespace Granary.Silo.Storage.Files;

/// <summary>
/// Writes damaged segments again without what is damaged, so that the log is a good one that lacks something. What there is of a flush with a damaged entry
/// is kept; that its end has lost something before it is marked there.
/// </summary>
internal sealed class LogRepair(StoreFolder folder, Disk disk, FileStoreOptions options, ILogger logger)
{
    private readonly FlushBuffer _buffer = new();
    private long _droppedBytes;
    private long _droppedMessages;
    private int _droppedEntries;
    private int _places;

    public void Run(List<SegmentFile> files)
    {
        FillGaps(files);
        var sequence = -1L;
        for (var i = 0; i < files.Count; i++)
        {
            var next = i + 1 < files.Count ? HeaderOf(files[i + 1]) : null;
            var header = HeaderOf(files[i]);
            sequence = sequence < 0 ? header.FirstSequence - 1 : sequence;
            var before = sequence;
            using var bytes = files[i].Open([], options.ReadAtOnce);
            var scan = new SegmentScan(header, bytes, files[i].Path);
            var judge = new LogDamage(files[i], next);
            while (judge.Next(scan, ref sequence) == LogVerdict.Apply)
            {
            }

            if (judge.Verdict == LogVerdict.Damaged || files[i].Header is null)
            {
                sequence = Rewrite(files[i], header, new SegmentScan(header, bytes, files[i].Path), before, next);
            }
        }
    }

    /// <summary>Puts empty segments where there are none. The one before then ends too early, and is repaired for that.</summary>
    private void FillGaps(List<SegmentFile> files)
    {
        for (var i = 1; i < files.Count; i++)
        {
            var number = files[i - 1].Number + 1;
            if (files[i].Number == number)
            {
                continue;
            }

            var following = HeaderOf(files[i]);
            var header = following with { Number = number, SyncedThrough = following.FirstSequence - 1 };
            var path = folder.SegmentPath(number);
            logger.LogSegmentMissing(path);
            Replace(path, stream => stream.Write(header.ToBytes()));
            files.Insert(i, new SegmentFile(number, path, header, IsEmpty: false, MayBeRepaired: true));
        }
    }

    /// <summary>The header of a segment, or what it must have been.</summary>
    private SegmentHeader HeaderOf(SegmentFile file)
    {
        if (file.Header is { } header)
        {
            return header;
        }

        var guess = new SegmentHeader(file.Number, 0, 0, folder.StoreId);
        using var bytes = file.Open([], options.ReadAtOnce);
        var scan = new SegmentScan(guess, bytes, file.Path);
        for (long at = SegmentHeader.Size; scan.TryFindEntry(ref at);)
        {
            scan.TryRead(at, out var entry);
            if (entry.Type == EntryType.Commit)
            {
                return guess with { FirstSequence = entry.Sequence, SyncedThrough = entry.Sequence - 1 };
            }

            at += LogEntry.Padded(entry.Length);
        }

        throw new StoreException($"{file.Path} has nothing that could be saved. Remove it, and start with --repair again.");
    }

    private long Rewrite(SegmentFile file, SegmentHeader header, SegmentScan scan, long sequence, SegmentHeader? next)
    {
        (_droppedBytes, _droppedMessages, _droppedEntries, _places) = (0, 0, 0, 0);
        Replace(file.Path, stream =>
        {
            stream.Write(header.ToBytes());
            while (Salvage(scan) is { } commit)
            {
                if (commit.Sequence > sequence)
                {
                    var marks = commit.Sequence == sequence + 1 ? commit.Marks : commit.Marks | EntryMarks.Repaired;
                    sequence = commit.Sequence;
                    WriteFlush(stream, header, sequence, commit.SyncedThrough, marks);
                }
            }

            if (next is not null && sequence < next.FirstSequence - 1)
            {
                sequence = next.FirstSequence - 1;
                WriteFlush(stream, header, sequence, sequence - 1, EntryMarks.Repaired);
            }
        });
        logger.LogRepaired(file.Path, _droppedBytes, _places, _droppedEntries, _droppedMessages);
        return sequence;
    }

    /// <summary>Collects what is good up to the next commit. Without one, nothing is: then it ends.</summary>
    private (long Sequence, long SyncedThrough, EntryMarks Marks)? Salvage(SegmentScan scan)
    {
        _buffer.Clear();
        var shared = new Dictionary<long, long>();
        var at = scan.FlushStart;
        while (true)
        {
            if (!scan.TryRead(at, out var entry))
            {
                var rest = scan.LengthFrom(Math.Min(at, scan.Length));
                if (rest == 0)
                {
                    return null;
                }

                var from = at;
                at += 8;
                var isFound = scan.TryFindEntry(ref at);
                _places++;
                _droppedEntries++;
                _droppedBytes += isFound ? at - from : rest;
                _droppedMessages += scan.MessagesIn(from, at);
                if (!isFound)
                {
                    scan.GoTo(at);
                    _buffer.Clear();
                    return null;
                }

                continue;
            }

            var position = at;
            at += LogEntry.Padded(entry.Length);
            switch (entry.Type)
            {
                case EntryType.Commit:
                    scan.GoTo(at);
                    return (entry.Sequence, entry.SyncedThrough, entry.Marks);
                case EntryType.Shared:
                    shared[position] = _buffer.Length;
                    _buffer.AddCopy(entry.Bytes);
                    break;
                case EntryType.Reference when !shared.ContainsKey(position - entry.Distance):
                    _droppedEntries++;
                    _droppedMessages += entry.Count;
                    break;
                case EntryType.Reference:
                    _buffer.BeginBatch(EntryType.Reference, BatchHead.Of(entry) with { SharedAt = shared[position - entry.Distance] });
                    _buffer.End();
                    break;
                default:
                    _buffer.AddCopy(entry.Bytes);
                    break;
            }
        }
    }

    private void WriteFlush(FileStream stream, SegmentHeader header, long sequence, long syncedThrough, EntryMarks marks)
    {
        _buffer.Finish(header.Salt, stream.Position, sequence, syncedThrough, marks);
        foreach (var part in _buffer.Parts)
        {
            stream.Write(part.Span);
        }

        _buffer.Clear();
    }

    /// <summary>Writes a file beside the one it takes the place of: whenever this ends, one of the two is there.</summary>
    private void Replace(string path, Action<FileStream> write)
    {
        using (var stream = new FileStream(path + ".repair", FileMode.Create, FileAccess.ReadWrite))
        {
            write(stream);
            stream.Flush();
            disk.Sync(stream.SafeFileHandle);
        }

        File.Move(path + ".repair", path, overwrite: true);
        disk.SyncFolder(folder.LogPath);
    }
}
