using Granary.Core.Links;
using Granary.Silo.Queues.Messages;
using Granary.Silo.Storage;

namespace Granary.Storage.Tests;

/// <summary>A store on its home, through openings and crashes, with short words for what tests do to it.</summary>
internal sealed class StoreSession(IStoreHome home) : IAsyncDisposable
{
    private IMessageStore? _store;

    public IMessageStore Store => _store ?? throw new InvalidOperationException("The store is not open.");

    public bool IsOpen => _store is not null;

    public Task OpenAsync() => OpenAsync(home.NewStore());

    public async Task OpenAsync(IMessageStore store)
    {
        _store = store;
        await _store.OpenAsync(CancellationToken.None);
    }

    public async Task ReopenAsync()
    {
        await Store.DisposeAsync();
        await OpenAsync();
    }

    public async Task CrashAndOpenAsync()
    {
        var store = Store;
        _store = null;
        await home.CrashAsync(store);
        await OpenAsync();
    }

    /// <summary>Ends the store in one of the two ways and opens it again.</summary>
    public Task RestartAsync(bool crash) => crash ? CrashAndOpenAsync() : ReopenAsync();

    public static QueueIdentity Identity(string key) => new(key, Guid.NewGuid()) { HasTimes = true };

    /// <summary>A queue that the store has, of a new activation.</summary>
    public async Task<StoredQueue> CreateAsync(string key = "%2F/orders")
    {
        var queue = Store.Create(Identity(key), 1);
        await FlushAsync(new QueueChanges(queue) { IsCreated = true });
        return queue;
    }

    public Task<StoredQueue> TakeOverAsync(StoredQueue earlier) => TakeOverAsync(earlier.Identity);

    public async Task<StoredQueue> TakeOverAsync(QueueIdentity identity, long atLeast = 0)
    {
        var queue = await Store.TakeOverAsync(identity, atLeast, CancellationToken.None);
        if (!identity.IsStream)
        {
            await CheckPiecesAsync(queue);
            await CheckTimesAsync(queue);
        }

        return queue;
    }

    /// <summary>What a store says that parts of a backlog take is what they take.</summary>
    private async Task CheckPiecesAsync(StoredQueue queue)
    {
        var first = queue.Backlog.First;
        foreach (var piece in queue.Backlog.Pieces)
        {
            var (count, bytes, bodies) = (0L, 0L, 0L);
            for (var at = first; await Store.ReadAsync(queue, at, piece.End, 1 << 20, CancellationToken.None) is { Length: > 0 } runs; at = runs[^1].End)
            {
                (count, bytes, bodies) = (count + runs.Sum(run => (long)run.Count), bytes + runs.Sum(run => (long)run.Length), bodies + runs.Sum(run => run.BodyLength()));
            }

            Assert.Equal(piece, new PagedPiece(piece.End, count, bytes, bodies));
            first = piece.End;
        }

        Assert.Equal((queue.Backlog.Count, queue.Backlog.Bytes), (queue.Backlog.Pieces.Sum(piece => piece.Count), queue.Backlog.Pieces.Sum(piece => piece.Bytes)));
    }

    /// <summary>What a store says when messages are due is when they are, and it says so of all.</summary>
    private async Task CheckTimesAsync(StoredQueue queue)
    {
        TimedRun[] told = [.. queue.Backlog.Runs.OrderBy(run => run.First)];
        var messages = (await ReadAsync(queue)).Select(message => (message.Offset, message.Due));
        Assert.Equal(messages, told.SelectMany(run => Enumerable.Range(0, run.Count).Select(i => (run.First + i, run.Due))));
        Assert.Equal((queue.Backlog.Bytes, queue.Backlog.BodyBytes), (told.Sum(run => (long)run.Length), told.Sum(run => (long)run.Bodies)));
        Assert.True(told.All(run => run.Due <= queue.Backlog.LastDue));
    }

    public Task WriteAsync(StoredQueue queue, params MessageRun[] runs)
    {
        var changes = new QueueChanges(queue);
        changes.Runs.AddRange(runs);
        return FlushAsync(changes);
    }

    public Task SettleAsync(StoredQueue queue, params OffsetRange[] settled)
    {
        var changes = new QueueChanges(queue);
        changes.Settled.AddRange(settled);
        return FlushAsync(changes);
    }

    /// <summary>Writes all of it, or the test fails.</summary>
    public async Task FlushAsync(params QueueChanges[] queues)
    {
        var result = await TryFlushAsync([.. queues]);
        Assert.Empty(result.Fenced);
        Assert.Empty(result.Conflicts);
    }

    public async Task<FlushResult> TryFlushAsync(IEnumerable<QueueChanges> queues, IEnumerable<RowChange>? rows = null, bool mustSync = true)
    {
        var flush = new Flush { MustSync = mustSync };
        flush.Queues.AddRange(queues);
        flush.Rows.AddRange(rows ?? []);
        return await Store.FlushAsync(flush, CancellationToken.None);
    }

    public Task<FlushResult> WriteRowsAsync(params RowChange[] rows) => TryFlushAsync([], rows);

    /// <summary>All unsettled messages of a range, read in pieces.</summary>
    public async Task<List<Message>> ReadAsync(StoredQueue queue, long from = 0, long end = long.MaxValue, int bytes = 1 << 20)
    {
        var messages = new List<Message>();
        while (from < end)
        {
            var runs = await Store.ReadAsync(queue, from, end, bytes, CancellationToken.None);
            if (runs.Length == 0)
            {
                return messages;
            }

            Assert.True(runs[0].First >= from);
            Assert.True(runs[^1].End <= end);
            Assert.All(runs.Zip(runs.Skip(1)), pair => Assert.True(pair.First.End <= pair.Second.First, "runs ascend"));
            messages.AddRange(Messages.Of(runs));
            from = runs[^1].End;
        }

        return messages;
    }

    /// <summary>All unsettled messages of several ranges, in their order, read in pieces.</summary>
    public async Task<List<Message>> ReadAsync(StoredQueue queue, IEnumerable<OffsetRange> ranges, int bytes)
    {
        List<Message> messages = [];
        var left = ranges.ToList();
        while (left.Count > 0 && await Store.ReadAsync(queue, left, bytes, CancellationToken.None) is { Length: > 0 } runs)
        {
            foreach (var run in runs)
            {
                left.RemoveRange(0, left.FindIndex(range => range.First <= run.First && run.End <= range.End));
                messages.AddRange(Messages.Of(run));
                left[0] = new OffsetRange(run.End, (int)(left[0].End - run.End));
            }

            left.RemoveAll(static range => range.Count == 0);
        }

        return messages;
    }

    public async Task<long[]> ReadOffsetsAsync(StoredQueue queue, long from = 0, long end = long.MaxValue) =>
        [.. (await ReadAsync(queue, from, end)).Select(message => message.Offset)];

    public async ValueTask DisposeAsync()
    {
        if (_store is not null)
        {
            await _store.DisposeAsync();
        }

        await home.DisposeAsync();
    }
}
