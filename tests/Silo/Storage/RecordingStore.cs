using Granary.Core.Links;
using Granary.Silo.Queues.Messages;
using Granary.Silo.Storage;
using Granary.Silo.Storage.Memory;

namespace Granary.Silo.Tests.Storage;

/// <summary>A store in memory that keeps what a crash would leave after each of its flushes.</summary>
internal sealed class RecordingStore : IMessageStore
{
    private readonly MemoryStore _store = new();

    /// <summary>Read when the store's host has stopped.</summary>
    public List<MemoryStore> AfterEachFlush { get; } = [];

    /// <summary>Nothing can be written at present.</summary>
    public bool IsOutOfReach { get; set; }

    /// <summary>It refuses whatever is to be written.</summary>
    public bool IsRefusing { get; set; }

    /// <summary>What flushes wait for.</summary>
    public Task Held { get; set; } = Task.CompletedTask;

    /// <summary>A flush waits for <see cref="Held"/>.</summary>
    public bool IsHeld { get; private set; }

    /// <summary>How many rows each flush changed.</summary>
    public List<int> RowsOfEachFlush { get; } = [];

    public Task OpenAsync(CancellationToken cancellation) => _store.OpenAsync(cancellation);

    public StoredQueue Create(QueueIdentity identity, long epoch) => _store.Create(identity, epoch);

    public Task<StoredQueue> TakeOverAsync(QueueIdentity identity, long atLeast, CancellationToken cancellation) =>
        _store.TakeOverAsync(identity, atLeast, cancellation);

    public async ValueTask<FlushResult> FlushAsync(Flush flush, CancellationToken cancellation)
    {
        if (IsOutOfReach)
        {
            throw new StoreUnavailableException("as a database that is being restarted");
        }

        if (IsRefusing)
        {
            throw new StoreException("as a database that has taken a right away");
        }

        IsHeld = !Held.IsCompleted;
        await Held;
        IsHeld = false;
        var result = await _store.FlushAsync(flush, cancellation);
        AfterEachFlush.Add(_store.Copy());
        RowsOfEachFlush.Add(flush.Rows.Count);
        return result;
    }

    public ValueTask<MessageRun[]> ReadAsync(StoredQueue queue, long from, long end, int bytes, CancellationToken cancellation) =>
        _store.ReadAsync(queue, from, end, bytes, cancellation);

    public ValueTask<MessageRun[]> ReadAsync(StoredQueue queue, IReadOnlyList<OffsetRange> ranges, int bytes, CancellationToken cancellation) =>
        _store.ReadAsync(queue, ranges, bytes, cancellation);

    public Task<Row?> ReadRowAsync(RowKey key, CancellationToken cancellation) => _store.ReadRowAsync(key, cancellation);

    public Task<IReadOnlyList<Row>> ReadRowsAsync(string table, CancellationToken cancellation) => _store.ReadRowsAsync(table, cancellation);

    public Task<IReadOnlyList<(QueueIdentity Queue, long Messages)>> CountMessagesAsync(CancellationToken cancellation) => _store.CountMessagesAsync(cancellation);

    public Task<IReadOnlyList<Row>> ReadTablesAsync(string prefix, CancellationToken cancellation) => _store.ReadTablesAsync(prefix, cancellation);

    public ValueTask DisposeAsync() => _store.DisposeAsync();
}
