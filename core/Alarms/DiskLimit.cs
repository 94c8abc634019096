namespace Granary.Core.Alarms;

/// <summary>How much room the disk of a process with files of its own has to have before publishers are held. Safe for use by any thread.</summary>
/// <param name="bytes">In octets, as RabbitMQ's <c>disk_free_limit</c>.</param>
public sealed class DiskLimit(long bytes)
{
    private long _bytes = bytes;

    /// <summary>Called on the thread that has changed it.</summary>
    public event Action? Changed;

    public long Bytes => Volatile.Read(ref _bytes);

    /// <summary>From now on, and until the process ends.</summary>
    public void Set(long bytes)
    {
        Volatile.Write(ref _bytes, bytes);
        Changed?.Invoke();
    }
}
