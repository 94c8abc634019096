using Granary.Core.Links;
using Granary.Silo.Queues.Messages;

namespace Granary.Silo.Storage;

/// <summary>
/// Where messages and definitions outlive the process. Implementations know how to write, read and recover; what is to be written, and when, is
/// for <c>GroupCommit</c> and <c>QueueJournal</c>, which are the same over all of them.
/// </summary>
/// <remarks>
/// <see cref="FlushAsync"/> is called by one caller at a time; the other methods may be called while it runs, and by many.
/// A call that fails with <see cref="StoreUnavailableException"/> has had no effect or may be repeated: the same flush is, until it succeeds.
/// After <see cref="StoreLostException"/> or <see cref="StoreFencedException"/> nothing is written any more.
/// </remarks>
internal interface IMessageStore : IAsyncDisposable
{
    /// <summary>Makes the store ready: takes its lock, checks or makes its format, recovers. Called once, before anything else.</summary>
    /// <exception cref="StoreException">It must not be used as it is; the message tells the operator why, and what to do.</exception>
    Task OpenAsync(CancellationToken cancellation);

    /// <summary>A handle for a queue that no activation has had yet. It is in the store when the first changes of it are, which say that they create it.</summary>
    StoredQueue Create(QueueIdentity identity, long epoch);

    /// <summary>
    /// Takes a queue over: from the return on, earlier activations are fenced. The new epoch is above all earlier ones and at least <paramref name="atLeast"/>.
    /// A queue that the store does not know is created. The first offset that a stream gives is the one after the last that is stored (<see cref="QueueIdentity.IsStream"/>).
    /// </summary>
    Task<StoredQueue> TakeOverAsync(QueueIdentity identity, long atLeast, CancellationToken cancellation);

    /// <summary>Writes, and syncs where the flush must be. Its lists are not changed while it runs.</summary>
    ValueTask<FlushResult> FlushAsync(Flush flush, CancellationToken cancellation);

    /// <summary>Some room is kept for <see cref="FreeSpaceAsync"/> when there is none for messages.</summary>
    bool KeepsReserve => false;

    /// <summary>
    /// Writes ahead of a flush that finds no room what frees some: of these changes which messages are gone and, where it rises, the bound of delivery, without which consumers
    /// would settle nothing; then makes use of that. For stores with a reserve, in which a flush that failed has left nothing. May be called as <see cref="FlushAsync"/>, not while that runs.
    /// </summary>
    /// <returns>The queues of which nothing was written: not there yet, or another activation's.</returns>
    /// <exception cref="StoreUnavailableException">There is no room for that either.</exception>
    ValueTask<IReadOnlyCollection<StoredQueue>> FreeSpaceAsync(IReadOnlyList<QueueChanges> queues, CancellationToken cancellation) => throw new NotSupportedException();

    /// <summary>
    /// Unsettled messages with offsets from <paramref name="from"/> to below <paramref name="end"/>, ascending: about <paramref name="bytes"/> of them and, if there
    /// are any, at least one. Empty means that there are none. <see cref="MessageRun.Redelivered"/> and <see cref="MessageRun.Since"/> are not set.
    /// The caller asks for nothing that it has settled or has not yet seen written.
    /// </summary>
    /// <exception cref="StoreException">What is there cannot be read.</exception>
    ValueTask<MessageRun[]> ReadAsync(StoredQueue queue, long from, long end, int bytes, CancellationToken cancellation);

    /// <summary>
    /// The same for several ranges, each after the one before it, in whatever order they are: about <paramref name="bytes"/> in all and, if there are any, at least one.
    /// Where less than all is read, the rest is what is behind the last that was.
    /// </summary>
    /// <exception cref="StoreException">What is there cannot be read.</exception>
    ValueTask<MessageRun[]> ReadAsync(StoredQueue queue, IReadOnlyList<OffsetRange> ranges, int bytes, CancellationToken cancellation);

    /// <summary>How many unsettled messages there are of each queue that has any, about as an activation would find them now. It looks at all that is stored, if not at messages.</summary>
    Task<IReadOnlyList<(QueueIdentity Queue, long Messages)>> CountMessagesAsync(CancellationToken cancellation);

    Task<Row?> ReadRowAsync(RowKey key, CancellationToken cancellation);

    /// <summary>All rows of a table, in no order.</summary>
    Task<IReadOnlyList<Row>> ReadRowsAsync(string table, CancellationToken cancellation);

    /// <summary>All rows of all tables whose names begin so, in no order.</summary>
    Task<IReadOnlyList<Row>> ReadTablesAsync(string prefix, CancellationToken cancellation);

    /// <summary>
    /// Does a little of what wins back space or speed: for a caller that has nothing else to write. True: there is more of it to do.
    /// May be called as <see cref="FlushAsync"/>, not while that runs.
    /// </summary>
    /// <exception cref="StoreUnavailableException">It is for later.</exception>
    ValueTask<bool> TidyAsync(CancellationToken cancellation) => ValueTask.FromResult(false);
}
