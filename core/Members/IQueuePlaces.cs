namespace Granary.Core.Members;

/// <summary>The silos that may have queues, and how the queues are spread over them.</summary>
public interface IQueuePlaces
{
    /// <summary>Their names for people: address and port, as other members reach them.</summary>
    IReadOnlyList<string> Names { get; }

    /// <summary>The silo of a name, or null.</summary>
    SiloAddress? Find(string name);

    /// <summary>The silo with the fewest queues.</summary>
    /// <exception cref="TimeoutException">Silos have not answered.</exception>
    Task<SiloAddress> FindLeastLoadedAsync(CancellationToken cancellation);

    /// <summary>Has queues move until each silo has as many of those that are meant as the others, as far as they can be moved. Who asks for the same meanwhile waits for it.</summary>
    /// <returns>How many move.</returns>
    /// <exception cref="TimeoutException">Silos have not answered.</exception>
    Task<int> RebalanceAsync(QueueChoice choice, CancellationToken cancellation);
}
