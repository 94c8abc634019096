using Orleans.Concurrency;

namespace Granary.Core.Links;

/// <summary>One connection's end of all its links. Pushes can be lost and reordered; numbers make up for it.</summary>
[Alias("granary.ILinkObserver")]
public interface ILinkObserver : IGrainObserver
{
    [OneWay]
    [Alias("Receive")]
    Task ReceiveAsync(LinkDown down);
}
