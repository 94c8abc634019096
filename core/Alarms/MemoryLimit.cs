namespace Granary.Core.Alarms;

/// <summary>How much memory the process may use before publishers are held: a share of what it may use at all, or octets. Safe for use by any thread.</summary>
/// <param name="share">0 to 1, as RabbitMQ's <c>vm_memory_high_watermark</c>; 0 holds publishers at once.</param>
/// <param name="octets">The same in octets; null: the share holds.</param>
public sealed class MemoryLimit(double share, long? octets = null)
{
    private Setting _setting = new(share, octets);

    /// <summary>Called on the thread that has changed it.</summary>
    public event Action? Changed;

    public long Bytes => Volatile.Read(ref _setting) is var setting && setting.Octets is { } octets
        ? octets
        : (long)(GC.GetGCMemoryInfo().TotalAvailableMemoryBytes * setting.Share);

    /// <summary>Of the memory that the process may use; null: the limit was given in octets.</summary>
    public double? Share => Volatile.Read(ref _setting) is { Octets: null } setting ? setting.Share : null;

    public static MemoryLimit OfBytes(long bytes) => new(1, bytes);

    /// <summary>From now on, and until the process ends.</summary>
    public void SetShare(double share) => Set(new Setting(share, null));

    /// <inheritdoc cref="SetShare"/>
    public void SetBytes(long bytes) => Set(new Setting(1, bytes));

    private void Set(Setting setting)
    {
        Volatile.Write(ref _setting, setting);
        Changed?.Invoke();
    }

    private sealed record Setting(double Share, long? Octets);
}
