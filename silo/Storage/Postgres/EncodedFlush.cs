namespace Granary.Silo.Storage.Postgres;

/// <summary>A flush as it is sent, and sent again in the same form and under the same number until it has succeeded.</summary>
/// <param name="Number">One more than that of the store's last flush.</param>
/// <param name="Superseded">Handles that were left out, because a later activation of the same queue writes in this flush, too.</param>
internal sealed record EncodedFlush(
    Flush Source, long Number, QueueColumns Queues, IReadOnlyList<BatchColumns> Parts, IReadOnlyList<StoredQueue> Superseded);
