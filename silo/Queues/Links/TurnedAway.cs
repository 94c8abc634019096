using Granary.Core.Links;

namespace Granary.Silo.Queues.Links;

/// <summary>
/// Links that were told a moment ago that there is no queue. Copies of their first packets may still be under way, and are told the same though a queue may be declared by
/// then: nobody is at the other end any more. Unlike links that have ended they keep no activation.
/// </summary>
internal sealed class TurnedAway
{
    /// <summary>Beyond it the oldest are forgotten.</summary>
    private const int Most = 1024;

    private readonly Queue<(LinkId Link, long At)> _inOrder = new();
    private readonly HashSet<LinkId> _links = [];

    public void Add(LinkId link, long now)
    {
        if (_links.Add(link))
        {
            _inOrder.Enqueue((link, now));
        }

        while (_inOrder.TryPeek(out var first) && (_inOrder.Count > Most || now - first.At >= LinkTable.Memory))
        {
            _links.Remove(_inOrder.Dequeue().Link);
        }
    }

    public bool Has(LinkId link) => _links.Contains(link);
}
