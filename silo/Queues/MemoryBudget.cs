namespace Granary.Silo.Queues;

/// <summary>How much memory the ready messages of one queue, and of all queues of a silo, may take before they are paged out. In record bytes.</summary>
/// <param name="perQueue">For one queue.</param>
/// <param name="perSilo">For all together; beyond it each queue keeps little.</param>
internal sealed class MemoryBudget(long perQueue, long perSilo)
{
    public const long StandardPerQueue = 32 * 1024 * 1024;
    public const long StandardPerSilo = 256 * 1024 * 1024;

    private const long Little = 512 * 1024;

    private long _used;

    /// <summary>What a queue may keep in memory now.</summary>
    public long Limit => Interlocked.Read(ref _used) > perSilo ? Math.Min(Little, perQueue) : perQueue;

    public void Add(long bytes) => Interlocked.Add(ref _used, bytes);
}
