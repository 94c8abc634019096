namespace Granary.Core.Storage;

/// <summary>How busy the store of this process is.</summary>
public interface IStoreActivity
{
    /// <summary>Flushes that somebody waited for, since the start. Read by any thread.</summary>
    long Flushes { get; }
}
