namespace Granary.Core.Links;

/// <summary>
/// Both streams of a link at the end that opened it. Numbers give the order, not the calls: a packet upward is kept until the queue has said that
/// it received it, packets downward are put in order. It makes no calls itself: every packet that it hands out is to be sent, and what became of
/// that to be told by <see cref="Answered"/> or <see cref="Failed"/>. For one thread at a time.
/// </summary>
public sealed class LinkStreams(TimeProvider clock)
{
    // While the queue is not known to have this many packets the next one fills: batches grow with the load by themselves. Two keep a queue busy;
    // with more, a connection that publishes to a thousand queues sends them a message each (docs/performance.md).
    private const int MaxInFlight = 2;

    private static readonly TimeSpan ResendAfter = TimeSpan.FromSeconds(1);

    private Queue<LinkUp> _unreceived = new();
    private DownStream _downs = new();
    private long _number;
    private long _epoch;
    private long _toldThrough;
    private int _underWay;
    private bool _callFailed;
    private bool _mayComeLate;
    private bool _owesLast;
    private bool _isSuspect;
    private long? _lastAsked;
    private long _lastHeard = clock.GetTimestamp();
    private long _lastSent = clock.GetTimestamp();
    private long _lastAdded = clock.GetTimestamp();

    public LinkId Id { get; } = LinkId.New();

    /// <summary>The queue has never heard of this link.</summary>
    public bool IsNew => _number == 0;

    /// <summary>The queue has every packet.</summary>
    public bool AllReceived => _unreceived.Count == 0;

    /// <summary>
    /// Another packet may go out. Only one at first: until the queue has answered it is not known to exist, and what has not been sent can still go
    /// to a successor.
    /// </summary>
    public bool HasRoom => _unreceived.Count < (_epoch == 0 ? 1 : MaxInFlight);

    /// <summary>An activation has answered.</summary>
    public bool HasAnswer => _epoch != 0;

    /// <summary>It comes from another activation than the one that has answered so far.</summary>
    public bool IsFromAnother(LinkDown down)
    {
        ArgumentNullException.ThrowIfNull(down);
        return _epoch != 0 && down.Epoch > _epoch;
    }

    /// <summary>The number of the last packet downward that was handed on.</summary>
    public long ReceivedThrough => _downs.ReceivedThrough;

    /// <summary>How long ago the last packet was made.</summary>
    public TimeSpan Idle => clock.GetElapsedTime(_lastAdded);

    /// <summary>How long nothing has been heard of the queue.</summary>
    public TimeSpan Silent => clock.GetElapsedTime(_lastHeard);

    /// <summary>The activation may be lost, though nothing is waited for: it is asked, again and again, until something is heard of it.</summary>
    public void Suspect() => _isSuspect = !IsNew;

    /// <summary>The next packet.</summary>
    /// <param name="open">Given with the first packet, and only with it.</param>
    public LinkUp Add(LinkUpItem[] items, LinkOpen? open)
    {
        var up = new LinkUp
        {
            Link = Id,
            Epoch = _epoch,
            Number = ++_number,
            ReceivedThrough = _toldThrough = _downs.ReceivedThrough,
            Open = open,
            Items = items,
        };
        _unreceived.Enqueue(up);
        _underWay++;
        _lastAdded = clock.GetTimestamp();
        _lastSent = _lastAdded;
        return up;
    }

    /// <summary>To be called a few times a second: what seems to be lost, or else a packet that says what was received, or nothing.</summary>
    public LinkUp[] TakeDue()
    {
        if (_unreceived.Count > 0)
        {
            if (!_callFailed && clock.GetElapsedTime(_lastSent) <= ResendAfter)
            {
                return [];
            }

            _callFailed = false;
            _lastSent = clock.GetTimestamp();
            _underWay += _unreceived.Count;
            if (_unreceived.Peek().Open is { IsRepeated: false })
            {
                // The first one names no activation: it may get to another one than before.
                _unreceived = new Queue<LinkUp>(_unreceived.Select(static up => up.Again()));
            }

            return [.. _unreceived];
        }

        if (_isSuspect && (_lastAsked is not { } asked || clock.GetElapsedTime(asked) > ResendAfter))
        {
            _lastAsked = clock.GetTimestamp();
            return [Ask()];
        }

        return _toldThrough < _downs.ReceivedThrough ? [Ask()] : [];
    }

    /// <summary>A packet that says what was received and asks what is missing.</summary>
    public LinkUp Ask()
    {
        _toldThrough = _downs.ReceivedThrough;
        _underWay++;
        return new LinkUp { Link = Id, Epoch = _epoch, Number = 0, ReceivedThrough = _toldThrough };
    }

    /// <summary>A packet was answered; the packets of the downward stream in the answer are for <see cref="Accept"/>.</summary>
    public void Answered(in LinkAnswer answer)
    {
        _underWay--;
        Heard();
        Received(answer.ReceivedThrough);
    }

    /// <summary>Whether the queue has a packet is not known; its number makes sending it again harmless.</summary>
    public void Failed()
    {
        _underWay--;
        _callFailed = _mayComeLate = true;
    }

    /// <summary>A packet of the downward stream when it is the next one, else null: it is kept for later, was seen before, or is of a lower epoch.</summary>
    public LinkDown? Accept(LinkDown down)
    {
        ArgumentNullException.ThrowIfNull(down);
        if (down.Epoch < _epoch)
        {
            return null;
        }

        if (down.Epoch > _epoch && _epoch != 0)
        {
            // Another activation numbers its own packets.
            _downs = new DownStream();
        }

        Heard();
        _epoch = down.Epoch;
        return Note(_downs.Accept(down));
    }

    /// <summary>The next packet of the downward stream, if it came early.</summary>
    public LinkDown? Next() => Note(_downs.Next());

    /// <summary>The link ended: nothing is to be sent again.</summary>
    /// <param name="isRemembered">The queue had it, and remembers it.</param>
    public void End(bool isRemembered)
    {
        _unreceived.Clear();
        _owesLast = isRemembered;
    }

    /// <summary>
    /// A packet that lets the queue forget the link; once, when the link has ended and every other
    /// packet was answered. Never when a call failed: its packet may still arrive, and the queue then has to know that the link is over.
    /// </summary>
    public LinkUp? TakeLast()
    {
        if (!_owesLast || _underWay > 0 || _mayComeLate)
        {
            return null;
        }

        _owesLast = false;
        _underWay++;
        return new LinkUp { Link = Id, Epoch = _epoch, Number = 0, ReceivedThrough = _downs.ReceivedThrough, IsLast = true };
    }

    private void Heard() => (_isSuspect, _lastAsked, _lastHeard) = (false, null, clock.GetTimestamp());

    private LinkDown? Note(LinkDown? down)
    {
        if (down is not null)
        {
            Received(down.ReceivedThrough);
        }

        return down;
    }

    private void Received(long through)
    {
        while (_unreceived.TryPeek(out var up) && up.Number <= through)
        {
            _unreceived.Dequeue();
        }
    }
}
