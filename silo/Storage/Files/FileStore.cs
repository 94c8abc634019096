using Granary.Core.Links;
using Granary.Silo.Queues.Messages;
using Microsoft.Extensions.Logging;

namespace Granary.Silo.Storage.Files;

/// <summary>
/// The store of one node: one log for all its queues and rows, in segments in a folder of its own. What is written goes to the log first and is then applied to
/// the index in memory, as recovery applies it.
/// </summary>
internal sealed partial class FileStore(FileStoreOptions options, ILogger<FileStore> logger, Disk disk, TimeProvider? time = null) : IMessageStore
{
    /// <summary>So many that no flush is held up by it for long.</summary>
    private const int RemovedAtOnce = 4;

    /// <summary>After a segment could not be removed, in milliseconds.</summary>
    private const long RemoveAgainAfter = 1_000;

    private readonly LogState _state = new();
    private readonly FlushBuffer _buffer = new();

    /// <summary>Held while something is written and applied: by one flush, or the take-overs of the moment.</summary>
    private readonly SemaphoreSlim _writing = new(1);

    /// <summary>Held by who changes the state, and by who reads it without <see cref="_writing"/>.</summary>
    private readonly Lock _gate = new();

    private StoreFolder? _folder;
    private LogWriter? _writer;
    private LogCleaner? _cleaner;
    private FlushComposer? _composer;
    private BatchReader? _reader;
    private StreamFiles? _streams;
    private StreamMover? _mover;
    private bool _isDisposed;
    private bool _hasFailed;
    private bool _cannotRemove;
    private long _removeAgainAt;

    public FileStore(FileStoreOptions options, ILogger<FileStore> logger)
        : this(options, logger, new Disk())
    {
    }

    /// <summary>Nothing of the oldest segment is needed, and it may be tried to remove it.</summary>
    private bool HasDrained => _state.Segments.Count > 1 && _state.Segments.Oldest.Holds == 0 && Environment.TickCount64 >= _removeAgainAt;

    public bool KeepsReserve => options is { Scratch: false, Reserve: > 0 };

    private LogWriter Writer => _writer ?? throw new InvalidOperationException("The store is not open.");

    private BatchReader Reader => _reader ?? throw new InvalidOperationException("The store is not open.");

    public Task OpenAsync(CancellationToken cancellation) => Task.Run(Open, cancellation);

    public StoredQueue Create(QueueIdentity identity, long epoch) => new FileQueue(identity, epoch);

    public ValueTask<FlushResult> FlushAsync(Flush flush, CancellationToken cancellation)
    {
        _writing.Wait(cancellation);
        try
        {
            return ValueTask.FromResult(Write(flush));
        }
        finally
        {
            _writing.Release();
        }
    }

    public ValueTask<IReadOnlyCollection<StoredQueue>> FreeSpaceAsync(IReadOnlyList<QueueChanges> queues, CancellationToken cancellation)
    {
        _writing.Wait(cancellation);
        try
        {
            return ValueTask.FromResult<IReadOnlyCollection<StoredQueue>>(FreeSpace(queues));
        }
        finally
        {
            _writing.Release();
        }
    }

    public ValueTask<MessageRun[]> ReadAsync(StoredQueue queue, long from, long end, int bytes, CancellationToken cancellation)
    {
        var handle = (FileQueue)queue;
        if (handle.Log is not { IsDeleted: false } log || log.Batches.Count == 0)
        {
            return ValueTask.FromResult<MessageRun[]>([]);
        }

        // A read may have to wait for the disk, which is not for the caller's thread to do.
        return new ValueTask<MessageRun[]>(Task.Run(() => Reader.Read(log, from, end, bytes), cancellation));
    }

    public ValueTask<MessageRun[]> ReadAsync(StoredQueue queue, IReadOnlyList<OffsetRange> ranges, int bytes, CancellationToken cancellation) =>
        ((FileQueue)queue).Log is { IsDeleted: false } log
            ? new ValueTask<MessageRun[]>(Task.Run(() => Reader.Read(log, ranges, bytes), cancellation))
            : ValueTask.FromResult<MessageRun[]>([]);

    public Task<IReadOnlyList<(QueueIdentity Queue, long Messages)>> CountMessagesAsync(CancellationToken cancellation) =>
        Task.Run<IReadOnlyList<(QueueIdentity Queue, long Messages)>>(Reader.CountMessages, cancellation);

    public Task<Row?> ReadRowAsync(RowKey key, CancellationToken cancellation) => Task.Run(() => Reader.Read(key), cancellation);

    public Task<IReadOnlyList<Row>> ReadRowsAsync(string table, CancellationToken cancellation) =>
        Task.Run<IReadOnlyList<Row>>(() => Reader.ReadAll(rows => rows.FindAll(table)), cancellation);

    public Task<IReadOnlyList<Row>> ReadTablesAsync(string prefix, CancellationToken cancellation) =>
        Task.Run<IReadOnlyList<Row>>(() => Reader.ReadAll(rows => rows.FindAllOf(prefix)), cancellation);

    public async ValueTask<bool> TidyAsync(CancellationToken cancellation)
    {
        await _writing.WaitAsync(cancellation);
        try
        {
            ObjectDisposedException.ThrowIf(_isDisposed, this);

            // A take-over, or the mover of streams, may have met it: whoever confirms hears of it here.
            Writer.ThrowIfLost();
            _buffer.Clear();
            _streams!.ComposeDrained(_buffer);
            _cleaner!.Step(_buffer, 0);
            Commit(sync: false, freesSpace: true);
            return Writer.WriteAhead() || _cleaner.HasWork || HasDrained || _streams!.HasWork;
        }
        finally
        {
            _writing.Release();
        }
    }

    /// <summary>Completes when what is due of streams was moved into files of their own.</summary>
    public Task WhenMovedAsync() => _mover?.WhenIdle ?? Task.CompletedTask;

    public async ValueTask DisposeAsync()
    {
        await (_mover?.StopAsync() ?? Task.CompletedTask);
        await _writing.WaitAsync(CancellationToken.None);
        try
        {
            if (!_isDisposed)
            {
                Close();
            }
        }
        finally
        {
            _writing.Release();
        }
    }

    private void Open()
    {
        var started = TimeProvider.System.GetTimestamp();
        _folder = StoreFolder.Open(options.Folder, options.Scratch, disk);
        try
        {
            var segments = _state.Segments;
            _writer = new LogWriter(disk, _folder, segments, options, logger);
            _cleaner = new LogCleaner(_state, options, time ?? TimeProvider.System, logger);
            _streams = new StreamFiles(_state, _gate);
            _composer = new FlushComposer(_state, _buffer, _streams);
            _reader = new BatchReader(_state, _gate);
            _mover = new StreamMover(_folder, _streams, _reader, _writer, _gate, disk, options, logger, Commit);
            new LogRecovery(_folder, _state, _writer, disk, options, logger).Run();
            new StreamFileRecovery(_folder, _state, _streams, _reader, _writer, disk, options, logger).Run();
            if (segments.Last is { } last)
            {
                last.IsReserve |= !_writer.MakeReserve();
            }
            else
            {
                _writer.Roll(0, freesSpace: true);
            }

            foreach (var queue in _state.Queues)
            {
                queue.DropTransient();
            }

            var elapsed = TimeProvider.System.GetElapsedTime(started);
            logger.LogOpened(options.Folder, _state.Queues.Count, segments.Count, segments.Bytes, (long)elapsed.TotalMilliseconds);
        }
        catch (Exception e)
        {
            _isDisposed = true;
            CloseFiles();
            if (e is StoreException)
            {
                throw;
            }

            throw new StoreException($"The data folder {options.Folder} cannot be opened: {e.Message}", e);
        }
    }

    private FlushResult Write(Flush flush)
    {
        ObjectDisposedException.ThrowIf(_isDisposed, this);
        _buffer.Clear();
        var freesSpace = FreesSpace(flush, out var bytes);
        if (!_hasFailed)
        {
            // After a failure first what is asked for, alone.
            _cleaner!.Step(_buffer, bytes);
            _streams!.ComposeDrained(_buffer);
        }

        var result = _composer!.Compose(flush);
        Commit(flush.MustSync, freesSpace);
        foreach (var changes in flush.Queues)
        {
            var handle = (FileQueue)changes.Queue;
            if ((handle.Log ??= _state.Find(handle.Identity)) is { } queue)
            {
                Offer(queue, handle.Identity);
            }
        }

        return result;
    }

    /// <summary>Has moved what is due of a queue that has files of its own.</summary>
    private void Offer(QueueLog queue, QueueIdentity identity)
    {
        if (!options.Scratch && (queue.HasOwnFiles || options.HasOwnFiles(identity)))
        {
            queue.HasOwnFiles = true;
            _mover!.Offer(queue);
        }
    }

    /// <summary>See <see cref="CommitStreamFile"/>.</summary>
    /// <exception cref="StoreUnavailableException">It could not be written that the file counts.</exception>
    private bool Commit(Func<FlushBuffer, StreamFile?> compose, IReadOnlyList<StoredBatch> batches)
    {
        _writing.Wait();
        try
        {
            _buffer.Clear();
            if (_isDisposed || _hasFailed || compose(_buffer) is not { } file)
            {
                return false;
            }

            Commit(sync: false, freesSpace: true);
            _streams!.Add(file, batches);
            return true;
        }
        finally
        {
            _writing.Release();
        }
    }

    private List<StoredQueue> FreeSpace(IReadOnlyList<QueueChanges> queues)
    {
        ObjectDisposedException.ThrowIf(_isDisposed, this);
        _buffer.Clear();

        // The oldest segment goes only when what little is needed of it is elsewhere. Half of the room that there is stays for what frees more.
        var most = Writer.Room / 2;
        if (_state.Segments.Oldest.LiveBytes < most)
        {
            _cleaner!.Step(_buffer, 0);
        }

        if (_buffer.Length > most)
        {
            _buffer.Clear();
            _cleaner!.Abandon();
        }

        var leftOut = _composer!.ComposeFreeing(queues);
        Commit(sync: true, freesSpace: true);

        // The flush comes alone when it is tried again.
        _hasFailed = true;
        return leftOut;
    }

    private static bool FreesSpace(Flush flush, out long bytes)
    {
        bytes = 0;
        foreach (var changes in flush.Queues)
        {
            foreach (var run in changes.Runs)
            {
                bytes += run.Length;
            }
        }

        return bytes == 0 && flush.Rows.TrueForAll(row => row.Value is null);
    }

    /// <summary>Writes the entries in the buffer as one flush, and applies them.</summary>
    private void Commit(bool sync, bool freesSpace)
    {
        try
        {
            if (_buffer.Count > 0)
            {
                var (segment, start) = Writer.Write(_buffer, sync, freesSpace);
                lock (_gate)
                {
                    for (var i = 0; i < _buffer.Count; i++)
                    {
                        var entry = _buffer.EntryAt(i, out var position);
                        _state.Apply(entry, segment.Number, start + position);
                        _streams!.Apply(entry);
                    }
                }

                _streams!.NoteDrained();
            }
            else if (sync)
            {
                Writer.SyncAll();
            }

            _hasFailed = false;
        }
        catch (StoreUnavailableException)
        {
            _hasFailed = true;
            _cleaner!.Abandon();
            throw;
        }

        _cleaner!.Advance();
        RemoveDrained();
        RemoveStreamFiles();
    }

    /// <summary>Removes the oldest segments while nothing of them is needed.</summary>
    private void RemoveDrained()
    {
        var segments = _state.Segments;
        if (!HasDrained)
        {
            return;
        }

        try
        {
            // What took the place of their content must not be lost after them.
            Writer.SyncAll();
        }
        catch (StoreUnavailableException)
        {
            _hasFailed = true;
            return;
        }

        for (var removed = 0; removed < RemovedAtOnce && HasDrained; removed++)
        {
            if (!TryRemove(segments.Oldest))
            {
                return;
            }

            lock (_gate)
            {
                segments.TakeOldest().Handle.Dispose();
            }
        }
    }

    /// <summary>Removes files of streams when it is on the disk that they do not count.</summary>
    private void RemoveStreamFiles()
    {
        if (!_streams!.HasRemoved)
        {
            return;
        }

        try
        {
            Writer.SyncAll();
        }
        catch (StoreUnavailableException)
        {
            _hasFailed = true;
            return;
        }

        _streams.RemoveFiles(_folder!, disk, logger);
    }

    /// <summary>
    /// Removes a segment for good before it is forgotten, so that the log never has a gap: those after it stay while that fails, whether or not the file
    /// is gone already, as a crash might bring it back.
    /// </summary>
    private bool TryRemove(Segment segment)
    {
        try
        {
            disk.Delete(segment.Path);
            if (!options.Scratch)
            {
                Writer.SyncFolder(_folder!.LogPath);
            }

            _cannotRemove = false;
            return true;
        }
        catch (IOException e)
        {
            if (!_cannotRemove)
            {
                logger.LogCannotRemove(segment.Path, e.Message);
            }

            _cannotRemove = true;
            _removeAgainAt = Environment.TickCount64 + RemoveAgainAfter;
            return false;
        }
    }

    private void Close()
    {
        _isDisposed = true;
        if (_writer is { IsClosed: false } writer && !options.Scratch)
        {
            try
            {
                writer.SyncAll();
                _buffer.Clear();
                writer.Write(_buffer, sync: true, freesSpace: true, EntryMarks.Closed);
            }
            catch (Exception e) when (e is StoreUnavailableException or StoreLostException)
            {
                logger.LogSpoiled(options.Folder, e.Message);
            }
        }

        CloseFiles();
    }

    private void CloseFiles()
    {
        foreach (var segment in _state.Segments.All)
        {
            segment.Handle.Dispose();
        }

        foreach (var segment in _streams?.Segments ?? [])
        {
            segment.Handle.Dispose();
        }

        _folder?.Dispose();
    }
}
