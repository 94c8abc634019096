using Microsoft.Extensions.Logging;

namespace Granary.Silo.Storage.Files;

/// <summary>
/// Moves what the log has of streams into files of their own, so that the log has only what is new: it need not be read at the start, nor written again when the
/// log is cleaned, and its room is given back as soon as the stream drops it. A move reads and writes beside the flushes, and takes effect with one of its own.
/// </summary>
internal sealed class StreamMover(
    StoreFolder folder, StreamFiles files, BatchReader reader, LogWriter log, Lock gate, Disk disk, FileStoreOptions options, ILogger logger, CommitStreamFile commit)
{
    private const int ReadAtOnce = 1 << 20;

    /// <summary>After a move that failed, in milliseconds.</summary>
    private const long AgainAfter = 5_000;

    private readonly Lock _gate = new();
    private readonly HashSet<QueueLog> _offered = [];
    private Task _moving = Task.CompletedTask;
    private bool _isStopped;
    private bool _cannotMove;
    private long _againAt;

    /// <summary>Completes when nothing is moved any more that was there to be moved at the call.</summary>
    public Task WhenIdle
    {
        get
        {
            lock (_gate)
            {
                return _moving;
            }
        }
    }

    /// <summary>Something was written of a queue: what is due of it is moved.</summary>
    public void Offer(QueueLog queue)
    {
        if (queue.BytesInLog < SizeFor(queue) + options.StreamBytesInLog || Environment.TickCount64 < Volatile.Read(ref _againAt))
        {
            return;
        }

        lock (_gate)
        {
            if (!_isStopped && _offered.Add(queue) && _offered.Count == 1)
            {
                _moving = Task.Run(MoveAll);
            }
        }
    }

    /// <summary>Completes when nothing is moved any more; nothing is from then on.</summary>
    public Task StopAsync()
    {
        lock (_gate)
        {
            _isStopped = true;
            return _moving;
        }
    }

    /// <summary>How much goes into the next file: few files for a large stream, and little in the log for many small ones.</summary>
    private long SizeFor(QueueLog queue) => Math.Clamp(queue.BytesInFiles / 16, options.LeastStreamFile, options.MostStreamFile);

    private void MoveAll()
    {
        while (true)
        {
            QueueLog queue;
            lock (_gate)
            {
                queue = _offered.First();
            }

            while (TryMove(queue))
            {
                // Until what is left is too little for a file.
            }

            lock (_gate)
            {
                _offered.Remove(queue);
                if (_isStopped || _offered.Count == 0)
                {
                    _offered.Clear();
                    return;
                }
            }
        }
    }

    /// <summary>Moves one file's worth.</summary>
    /// <returns>Whether there may be more.</returns>
    private bool TryMove(QueueLog queue)
    {
        if (_isStopped || MakePlan(queue) is not { } plan)
        {
            return false;
        }

        var number = files.NextNumber();
        try
        {
            folder.MakeRoomForStreams(disk, log.SyncFolder);
            using var writer = new StreamFileWriter(disk, folder, number, queue, SegmentHeader.Size + plan.Bytes);
            var moved = Copy(queue, plan, writer);
            if (moved.Count > 0 && Finish(queue, writer, moved))
            {
                writer.Keep();
                _cannotMove = false;
                return true;
            }
        }
        catch (StoreLostException e)
        {
            // The log may say that the file counts. The next start removes it if not; until then nothing is moved, nor is anything confirmed.
            logger.LogCannotMove(queue.Identity?.Key ?? "", folder.StreamPath(number), e.Message);
            _isStopped = true;
            return false;
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException or StoreException or StoreUnavailableException)
        {
            if (!_cannotMove)
            {
                logger.LogCannotMove(queue.Identity?.Key ?? "", folder.StreamPath(number), e.Message);
            }

            _cannotMove = true;
        }

        Volatile.Write(ref _againAt, Environment.TickCount64 + AgainAfter);
        StreamFiles.Delete(folder.StreamPath(number), disk, logger);
        return false;
    }

    /// <summary>What to move: the oldest that is in the log, if it is enough, and not the last.</summary>
    private (long From, long End, long Bytes)? MakePlan(QueueLog queue)
    {
        lock (gate)
        {
            var batches = queue.Batches;
            var (all, bytes, from, end) = (0L, 0L, long.MaxValue, 0L);
            var size = SizeFor(queue);
            var isFirst = true;
            for (var i = batches.IndexOf(queue.MovedThrough); i < batches.Count && !queue.IsDeleted; i++)
            {
                var batch = batches[i];
                if (StreamFile.IsOne(batch.Segment))
                {
                    queue.MovedThrough = isFirst ? batch.End : queue.MovedThrough;
                    continue;
                }

                isFirst = false;
                all += batch.RecordsLength;
                if (batch.IsMovable && bytes < size)
                {
                    bytes += batch.RecordsLength;
                    (from, end) = (Math.Min(from, batch.First), batch.End);
                }
            }

            queue.BytesInLog = all;
            return bytes >= size && all - bytes >= options.StreamBytesInLog ? (from, end, bytes) : null;
        }
    }

    private List<PlacedRun> Copy(QueueLog queue, (long From, long End, long Bytes) plan, StreamFileWriter writer)
    {
        List<PlacedRun> moved = [];
        for (var from = plan.From; from < plan.End && !_isStopped && reader.ReadInLog(queue, from, plan.End, ReadAtOnce) is { Length: > 0 } placed; from = placed[^1].Run.End)
        {
            writer.Write(placed);
            foreach (var one in placed)
            {
                // The memory need not be kept, but where it came from.
                moved.Add(one with { Run = one.Run.LetGo() });
            }
        }

        return _isStopped ? [] : moved;
    }

    private bool Finish(QueueLog queue, StreamFileWriter writer, List<PlacedRun> moved)
    {
        if (queue.Identity is not { } identity)
        {
            return false;
        }

        var written = writer.Finish(identity.Incarnation, []);
        log.SyncFolder(folder.StreamsPath);
        return commit(
            buffer =>
            {
                // Nothing is written meanwhile, so that this is what holds when the row is.
                if (queue.IsDeleted)
                {
                    return null;
                }

                written.Row = written.Row.Without(FindGone(queue, moved));
                files.AddRow(buffer, written.Segment.Number, written.Row);
                return written;
            },
            writer.Batches);
    }

    /// <summary>What was settled, replaced or moved elsewhere since it was read.</summary>
    private static List<(long First, long End)> FindGone(QueueLog queue, List<PlacedRun> moved)
    {
        List<(long First, long End)> gone = [];
        var batches = queue.Batches;
        foreach (var (run, segment, position) in moved)
        {
            var from = run.First;
            for (var i = batches.IndexOf(from); i < batches.Count && batches[i].First < run.End; i++)
            {
                var batch = batches[i];
                var stop = Math.Min(batch.End, run.End);
                for (var first = Math.Max(batch.First, run.First); batch.IsAt(segment, position) && batches.TryFindUnsettled(first, stop, out var range); first = range.End)
                {
                    if (range.First > from)
                    {
                        gone.Add((from, range.First));
                    }

                    from = range.End;
                }
            }

            if (from < run.End)
            {
                gone.Add((from, run.End));
            }
        }

        return gone;
    }
}

/// <summary>Has a file of a stream count, from now on and after a restart.</summary>
/// <param name="compose">Adds the file's row, or says that there is no use for it any more.</param>
/// <param name="batches">What is in the file.</param>
/// <returns>Whether the file counts.</returns>
internal delegate bool CommitStreamFile(Func<FlushBuffer, StreamFile?> compose, IReadOnlyList<StoredBatch> batches);
