using Granary.Core.Links;

namespace Granary.Silo.Queues.Links;

/// <summary>All links to one queue name, those that ended a while ago included: late copies of their packets must find them ended.</summary>
internal sealed class LinkTable(long epoch)
{
    /// <summary>How long an ended link is remembered, in milliseconds: longer than any call can be under way. Shorter when its gateway says that none is.</summary>
    public const long Memory = 15_000;

    private readonly Dictionary<LinkId, QueueLink> _links = [];
    private readonly List<QueueLink> _touched = [];
    private readonly List<QueueLink> _forgotten = [];

    /// <summary>Links whose publishers wait for the watermark.</summary>
    private readonly List<QueueLink> _waiting = [];

    private long _watermark;

    /// <summary>Those that have not ended, opened or not.</summary>
    public IEnumerable<QueueLink> Living => _links.Values.Where(link => !link.HasEnded);

    public bool IsEmpty => _links.Count == 0;

    /// <summary>Publishers wait for the watermark.</summary>
    public bool HasWaiting => _waiting.Count > 0;

    /// <summary>A packet is not acknowledged, or an ended link is still remembered.</summary>
    public bool NeedsTick => _links.Values.Any(link => !link.IsOpen || !link.Down.IsEmpty);

    public QueueLink? Find(LinkId id) => _links.GetValueOrDefault(id);

    public QueueLink Add(LinkId id, long now)
    {
        var link = new QueueLink(id, epoch, _touched);
        link.Begin(now);
        _links.Add(id, link);
        return link;
    }

    /// <summary>Ends a turn: what is to be said goes into one packet for each link; those of <paramref name="caller"/> are returned.</summary>
    /// <param name="turn">The number of the turn for the store, and through which turn all is stored.</param>
    public LinkDown? EndTurn(QueueLink? caller, long watermark, (long Current, long Stored) turn, long now, List<Push> pushes)
    {
        LinkDown? answer = null;
        if (watermark > _watermark)
        {
            _watermark = watermark;
            TouchWaiting();
        }

        foreach (var link in _touched)
        {
            var said = link.EndTurn(watermark, turn.Current, turn.Stored, now);
            if (link.PublishedEnd > watermark && !link.IsWaiting && !link.HasEnded)
            {
                link.IsWaiting = true;
                _waiting.Add(link);
            }

            if (said is not { } packet)
            {
                continue;
            }

            if (link == caller)
            {
                answer = packet;
            }
            else if (link.Opener is { } opener)
            {
                pushes.Add(new Push(opener.Observer, packet, link.Local));
            }
        }

        _touched.Clear();
        return answer;
    }

    /// <summary>The queue is gone; the offsets of one declared next by this name begin anew.</summary>
    public void ForgetWatermark()
    {
        _watermark = 0;
        _waiting.Clear();
    }

    /// <summary>Nothing will be heard of it any more.</summary>
    public void Forget(QueueLink link)
    {
        _links.Remove(link.Id);
        if (link.Opener is not null)
        {
            _forgotten.Add(link);
        }
    }

    /// <summary>Links that were forgotten since this was asked last: nothing will be heard of them any more.</summary>
    public QueueLink[] TakeForgotten()
    {
        if (_forgotten.Count == 0)
        {
            return [];
        }

        QueueLink[] forgotten = [.. _forgotten];
        _forgotten.Clear();
        return forgotten;
    }

    private void TouchWaiting()
    {
        foreach (var link in _waiting)
        {
            link.IsWaiting = false;
            if (!link.HasEnded)
            {
                link.Touch();
            }
        }

        _waiting.Clear();
    }

    /// <summary>Sends again what is overdue, and forgets links that ended long ago.</summary>
    public void Tick(long now, List<Push> pushes)
    {
        foreach (var link in _links.Values)
        {
            if (!link.IsOpen && now - link.Since >= Memory)
            {
                Forget(link);
                continue;
            }

            if (link.Opener is { } opener && !link.Down.IsEmpty)
            {
                pushes.AddRange(link.Down.TakeOverdue(now).Select(packet => new Push(opener.Observer, packet, link.Local)));
            }
        }
    }
}

/// <summary>A packet on its way to a gateway.</summary>
/// <param name="Local">The gateway's end when it is in this process; the observer need not be called then.</param>
internal readonly record struct Push(ILinkObserver Observer, LinkDown Packet, ILocalLink? Local)
{
    /// <summary>Of the last packet of a link: the member that has the connection.</summary>
    public string? Member { get; init; }
}
