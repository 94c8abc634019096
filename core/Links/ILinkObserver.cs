using Orleans.Concurrency;

namespace Granary.Core.Links;

/// <summary>One connection's end of all its links. Pushes can be lost and reordered; numbers make up for it.</summary>
public interface ILinkObserver : IGrainObserver
{
    [OneWay]
    Task ReceiveAsync(LinkDown down);
}
