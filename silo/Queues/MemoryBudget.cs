namespace Granary.Silo.Queues;

/// <summary>How much memory the messages of one queue, and of all queues of a silo, may take. In record bytes.</summary>
/// <param name="perQueue">What ready messages of one queue may take before they are paged out.</param>
/// <param name="perSilo">What all together may; beyond it each queue keeps little.</param>
/// <param name="full">Beyond this, publishers have to wait until something is paged out.</param>
internal sealed class MemoryBudget(long perQueue, long perSilo, long full = long.MaxValue)
{
    /// <summary>What a queue keeps in any case.</summary>
    public const long Little = 512 * 1024;

    private const long MostPerQueue = 32 * 1024 * 1024;
    private const long MostPerSilo = 256 * 1024 * 1024;

    private long _used;

    /// <summary>What a queue may keep in memory now.</summary>
    public long Limit => Interlocked.Read(ref _used) > perSilo ? Math.Min(Little, perQueue) : perQueue;

    /// <summary>Messages come faster than they can be paged out: sooner or later there would be no memory left.</summary>
    public bool IsFull => Interlocked.Read(ref _used) > full;

    /// <summary>For a process that has so many bytes of memory.</summary>
    /// <remarks>Publishers are to wait, unnoticed, well before the memory alarm (0.6 of all) blocks them.</remarks>
    public static MemoryBudget For(long available)
    {
        var perSilo = Math.Min(MostPerSilo, available / 5);
        return new MemoryBudget(Math.Min(MostPerQueue, perSilo / 2), perSilo, available / 4);
    }

    public void Add(long bytes) => Interlocked.Add(ref _used, bytes);
}
