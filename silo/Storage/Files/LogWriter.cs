using Microsoft.Extensions.Logging;

namespace Granary.Silo.Storage.Files;

/// <summary>Writes flushes behind each other into the last segment, and begins a new one when it is full or a write failed.</summary>
internal sealed class LogWriter(Disk disk, StoreFolder folder, SegmentList segments, FileStoreOptions options, ILogger logger)
{
    private readonly ReadOnlyMemory<byte>[] _zeros = [new byte[options.Scratch ? 0 : options.WrittenAhead / 4]];

    /// <summary>Set by whoever meets it: also by the mover of streams, beside the flushes.</summary>
    private volatile StoreLostException? _lost;

    /// <summary>Of the last flush in the log.</summary>
    public long Sequence { get; set; }

    /// <summary>Flushes up to this one are on the disk.</summary>
    public long Synced { get; set; }

    /// <summary>The last flush says that the store was closed.</summary>
    public bool IsClosed { get; set; }

    /// <summary>How much more goes into the last segment.</summary>
    public long Room => segments.Last is { IsSpoiled: false } last ? last.Capacity - last.End : 0;

    /// <summary>Writes a flush. After a failure the log is as it was.</summary>
    /// <param name="freesSpace">It may have what was held in reserve.</param>
    /// <returns>The segment and the position where it is.</returns>
    /// <exception cref="StoreUnavailableException">The disk is full, or does not write.</exception>
    /// <exception cref="StoreLostException">A sync failed, now or before.</exception>
    public (Segment Segment, long Position) Write(FlushBuffer buffer, bool sync, bool freesSpace, EntryMarks marks = EntryMarks.None)
    {
        ThrowIfLost();
        var size = buffer.Length + LogEntry.CommitSize;
        var segment = segments.Last;
        if (segment is null || segment.IsSpoiled || segment.End + size > segment.Capacity || (segment.IsReserve && !freesSpace))
        {
            segment = Roll(size, freesSpace);
        }

        var position = segment.End;
        buffer.Finish(segment.Header.Salt, position, Sequence + 1, Synced, marks);
        try
        {
            disk.Write(segment.Handle, buffer.Parts, position);
        }
        catch (IOException e)
        {
            throw Spoil(segment, e);
        }

        if (sync)
        {
            Sync(segment);
            Synced = Sequence + 1;
        }

        Sequence++;
        segment.End = position + size;
        IsClosed = (marks & EntryMarks.Closed) != 0;
        return (segment, position);
    }

    /// <summary>
    /// Writes zeros where the next flushes go: a sync of what was written before is done by the disk alone, while for blocks written the first time the file
    /// system has to write its own journal, which took the median sync from 0.2 to 0.3 ms here, and the longest from 0.03 to 0.4 s. For idle moments.
    /// </summary>
    /// <returns>Whether there is more to do.</returns>
    public bool WriteAhead()
    {
        var step = _zeros[0].Length;
        if (step == 0 || segments.Last is not { IsSpoiled: false } segment)
        {
            return false;
        }

        var from = Math.Max(segment.WrittenEnd, segment.End);
        if (from + step > Math.Min(segment.End + options.WrittenAhead, segment.Capacity))
        {
            return false;
        }

        try
        {
            disk.Write(segment.Handle, _zeros, from);
        }
        catch (IOException e)
        {
            throw Spoil(segment, e);
        }

        segment.WrittenEnd = from + step;
        return true;
    }

    /// <summary>Returns when all that was written is on the disk.</summary>
    /// <exception cref="StoreLostException">A sync failed, now or before.</exception>
    public void SyncAll()
    {
        ThrowIfLost();
        if (Synced < Sequence && !options.Scratch && segments.Last is { } segment)
        {
            Sync(segment);
            Synced = Sequence;
        }
    }

    /// <exception cref="StoreLostException">A sync failed before.</exception>
    public void ThrowIfLost()
    {
        if (_lost is { } lost)
        {
            throw lost;
        }
    }

    /// <summary>Returns when it is on the disk which files a folder of the store has. May be called beside everything else.</summary>
    /// <exception cref="IOException">The disk was not asked.</exception>
    /// <exception cref="StoreLostException">A sync failed, now or before.</exception>
    public void SyncFolder(string path)
    {
        ThrowIfLost();
        try
        {
            disk.SyncFolder(path);
        }
        catch (SyncFailedException e)
        {
            throw Lose(e);
        }
    }

    /// <summary>Begins a segment with room for <paramref name="size"/> bytes and more.</summary>
    /// <param name="freesSpace">It may have what was held in reserve. All else has to leave a reserve.</param>
    public Segment Roll(long size, bool freesSpace)
    {
        var last = segments.Last;
        if (last is not null)
        {
            EndSegment(last);
        }

        var header = new SegmentHeader((last?.Number ?? 0) + 1, Sequence + 1, Synced, folder.StoreId);
        var path = folder.SegmentPath(header.Number);
        Segment segment;
        try
        {
            if (!freesSpace && !MakeReserve())
            {
                throw new IOException("There is no room for the reserve.");
            }

            segment = Create(header, path, Math.Max(options.SegmentSize, SegmentHeader.Size + size));
        }
        catch (IOException e)
        {
            segment = freesSpace ? CreateInReserve(header, path, size, e) : throw Unavailable(e);
        }

        segments.Add(segment);
        if (last is { IsReserve: true, IsSpoiled: false })
        {
            // Its room was kept until there is another segment for what frees space.
            TryTruncate(last);
        }

        if (!segment.IsReserve && !MakeReserve() && last is not null)
        {
            // Of a full disk this much is free again, and not more: messages would fill it, and nothing would be left for what frees more.
            segment.IsReserve = true;
        }

        return segment;
    }

    /// <summary>Sets room aside for what frees space on a full disk. Without it, that waits as everything does.</summary>
    /// <returns>Whether there is some now. If not, messages get no segment before there is.</returns>
    public bool MakeReserve()
    {
        if (options.Scratch || options.Reserve == 0 || File.Exists(folder.ReservePath))
        {
            return true;
        }

        try
        {
            disk.Create(folder.ReservePath, options.Reserve).Dispose();
            return true;
        }
        catch (IOException)
        {
            TryDelete(folder.ReservePath);
            return false;
        }
    }

    /// <summary>A small segment in the room that was kept for it, or in what little there is.</summary>
    private Segment CreateInReserve(SegmentHeader header, string path, long size, IOException cause)
    {
        try
        {
            if (File.Exists(folder.ReservePath))
            {
                logger.LogReserveUsed(folder.Path);
                disk.Delete(folder.ReservePath);
            }

            var segment = Create(header, path, SegmentHeader.Size + Math.Max(size, options.Reserve / 2));
            segment.IsReserve = true;
            return segment;
        }
        catch (IOException)
        {
            throw Unavailable(cause);
        }
    }

    private Segment Create(SegmentHeader header, string path, long capacity)
    {
        try
        {
            var handle = disk.Create(path, capacity);
            try
            {
                disk.Write(handle, [header.ToBytes()], 0);
                if (!options.Scratch)
                {
                    disk.Sync(handle);
                    SyncFolder(folder.LogPath);
                }

                return new Segment(header, path, handle, capacity);
            }
            catch (Exception e) when (e is IOException or StoreLostException)
            {
                handle.Dispose();
                throw;
            }
        }
        catch (IOException)
        {
            TryDelete(path);
            throw;
        }
    }

    /// <summary>Takes back a file that was not finished. One that stays is written over when it is made again, and removed by the next start.</summary>
    private void TryDelete(string path)
    {
        try
        {
            disk.Delete(path);
        }
        catch (IOException e)
        {
            logger.LogCannotRemove(path, e.Message);
        }
    }

    private void EndSegment(Segment segment)
    {
        // So that a bad flush in it can only be damage.
        SyncAll();
        if (segment is { IsSpoiled: false, IsReserve: false })
        {
            TryTruncate(segment);
        }
    }

    private void Sync(Segment segment)
    {
        if (options.Scratch)
        {
            return;
        }

        try
        {
            disk.Sync(segment.Handle);
        }
        catch (IOException e)
        {
            Spoil(segment, e);
            throw Lose(e);
        }
    }

    /// <summary>
    /// The system may have dropped what it did not write, tells so once, and syncs the rest when it is asked again: all written since the last sync may be gone, copies
    /// of what older segments have among it. So may the name of a new file, or a removed file be back.
    /// </summary>
    private StoreLostException Lose(IOException cause) => _lost = new StoreLostException(
        $"The data folder {folder.Path} could not be synced: {cause.Message}. Nothing more is written there, so that nothing is confirmed on top of what may be missing; "
        + "a restart goes on with what there is.");

    private StoreUnavailableException Spoil(Segment segment, IOException cause)
    {
        if (!segment.IsSpoiled)
        {
            segment.IsSpoiled = true;
            logger.LogSpoiled(segment.Path, cause.Message);
            TryTruncate(segment);
        }

        return Unavailable(cause);
    }

    /// <summary>Cuts off what does not count. It is not read where the next segment begins anyway.</summary>
    private void TryTruncate(Segment segment)
    {
        try
        {
            disk.Truncate(segment.Handle, segment.End);
        }
        catch (IOException e)
        {
            logger.LogSpoiled(segment.Path, e.Message);
        }
    }

    private StoreUnavailableException Unavailable(IOException cause) => new($"The data folder {folder.Path} cannot be written: {cause.Message}", cause);
}
