using Microsoft.Extensions.Logging;
using Microsoft.Win32.SafeHandles;

namespace Granary.Silo.Storage.Files;

/// <summary>Reads a log from its first segment to its last and applies it: cuts off a flush that was not finished, and refuses what is damaged.</summary>
internal sealed class LogRecovery(StoreFolder folder, LogState state, LogWriter writer, Disk disk, FileStoreOptions options, ILogger logger)
{
    private readonly Stack<byte[]> _buffers = new();
    private long _sequence = -1;

    public void Run()
    {
        var files = FindFiles();
        if (options.Repair)
        {
            new LogRepair(folder, disk, options, logger).Run(files);
            files = FindFiles();
        }

        var reading = files.Count > 0 ? Read(files[0]) : null;
        for (var i = 0; i < files.Count; i++)
        {
            // The next is read while this one is applied.
            using var bytes = reading!.GetAwaiter().GetResult();
            reading = i + 1 < files.Count ? Read(files[i + 1]) : null;
            Recover(files[i], bytes, i + 1 < files.Count ? files[i + 1].Header : null);
            _buffers.Push(bytes.Buffer);
        }

        writer.Sequence = Math.Max(0, _sequence);
        writer.Synced = writer.Sequence;
        DropOrphans();
    }

    /// <summary>The segments with their headers, in order. One that was not finished when the process ended is removed.</summary>
    private List<SegmentFile> FindFiles()
    {
        var files = new List<SegmentFile>();
        var found = folder.Segments();
        for (var i = 0; i < found.Count; i++)
        {
            var (number, path) = found[i];
            var file = SegmentFile.Read(path, number, folder.StoreId, out var problem);
            if (file.Header is null && i == found.Count - 1 && file.IsEmpty)
            {
                File.Delete(path);
                continue;
            }

            if (file.Header is null && !(options.Repair && file.MayBeRepaired))
            {
                throw new StoreException($"{path} cannot be used: {problem}." + (file.MayBeRepaired ? LogDamage.Advice : ""));
            }

            if (files.Count > 0 && number != files[^1].Number + 1 && !options.Repair)
            {
                throw new StoreException($"{folder.SegmentPath(files[^1].Number + 1)} is missing: the log goes on with {path}." + LogDamage.Advice);
            }

            files.Add(file);
        }

        return files;
    }

    private Task<SegmentBytes> Read(SegmentFile file)
    {
        var buffer = _buffers.TryPop(out var free) ? free : [];
        return Task.Run(() => file.Open(buffer, options.ReadAtOnce));
    }

    private void Recover(SegmentFile file, SegmentBytes bytes, SegmentHeader? next)
    {
        var header = file.Header!;
        var scan = new SegmentScan(header, bytes, file.Path);
        var segment = new Segment(header, file.Path, OpenForWriting(file.Path), Math.Max(bytes.Length, next is null ? options.SegmentSize : 0));
        state.Segments.Add(segment);
        _sequence = _sequence < 0 ? header.FirstSequence - 1 : _sequence;

        var judge = new LogDamage(file, next);
        while (judge.Next(scan, ref _sequence) == LogVerdict.Apply)
        {
            for (var i = 0; i < scan.Entries.Count; i++)
            {
                state.Apply(scan.EntryAt(i), header.Number, scan.Entries[i].At);
            }

            writer.IsClosed = (scan.Commit.Marks & EntryMarks.Closed) != 0;
        }

        segment.End = scan.FlushStart;
        switch (judge.Verdict)
        {
            case LogVerdict.Damaged:
                throw judge.ToException();
            case LogVerdict.LostAfterFailedSync:
                logger.LogLostAfterFailedSync(file.Path, segment.End);
                break;
            case LogVerdict.Torn:
                logger.LogTornTail(file.Path, segment.End, scan.LengthFrom(scan.FlushStart));
                disk.Truncate(segment.Handle, segment.End);
                break;
            default:
                break;
        }

        if (next is null)
        {
            MakeRoom(segment, bytes.Length);
        }
    }

    /// <summary>The last segment is written on, behind what is there.</summary>
    /// <param name="had">How long the file was.</param>
    private void MakeRoom(Segment segment, long had)
    {
        try
        {
            disk.Allocate(segment.Handle, segment.Capacity);
        }
        catch (IOException)
        {
            // What room the file had stays for what frees more.
            logger.LogReserveUsed(folder.Path);
            segment.Capacity = Math.Max(segment.End, KeepRoom(segment, had));
            segment.IsReserve = true;
        }

        disk.Sync(segment.Handle);
    }

    /// <returns>How much room the file has then.</returns>
    private long KeepRoom(Segment segment, long had)
    {
        try
        {
            if (RandomAccess.GetLength(segment.Handle) > had)
            {
                // Some of what was asked for was got, which is not for this alone.
                disk.Truncate(segment.Handle, had);
            }

            // Of a flush that was cut off.
            disk.Allocate(segment.Handle, had);
        }
        catch (IOException)
        {
            // It was said that the disk is full. What there is may be read, and a write that finds no room begins another segment.
        }

        return RandomAccess.GetLength(segment.Handle);
    }

    private void DropOrphans()
    {
        var orphans = state.Queues.Where(queue => queue.Identity is null).ToList();
        if (orphans.Count == 0)
        {
            return;
        }

        if (!options.Repair)
        {
            throw new StoreException($"The log in {folder.LogPath} has messages of {orphans.Count} queues that it does not know: part of it is missing." + LogDamage.Advice);
        }

        var messages = 0L;
        var deletions = new FlushBuffer();
        foreach (var queue in orphans)
        {
            deletions.AddQueueDeleted(queue.Number);
            for (var i = 0; i < queue.Batches.Count; i++)
            {
                messages += queue.Batches[i].Live;
            }

            state.Delete(queue);
        }

        writer.Write(deletions, sync: true, freesSpace: true);
        logger.LogOrphans(messages);
    }

    private static SafeFileHandle OpenForWriting(string path) =>
        File.OpenHandle(path, FileMode.Open, FileAccess.ReadWrite, FileShare.ReadWrite | FileShare.Delete);
}
