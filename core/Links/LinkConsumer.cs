namespace Granary.Core.Links;

/// <summary>
/// The gateway's end of one consumer. Everything here is called under the gate of the <see cref="LinkSet"/>.
/// The window keeps what is on the way small enough to stay in the processor's cache, and a slow reader from filling memory.
/// </summary>
public abstract class LinkConsumer(string tag, bool noAck)
{
    // Measured: see docs/performance.md. Twice the size of a batch keeps both ends busy.
    private const long WindowMessages = 16 * 1024;
    private const long WindowBytes = 512 * 1024;

    private AttachItem? _attachment;

    // All in all; a queue counts from where its activation attached the consumer.
    private Window _granted;
    private Window _received;
    private Window _base;
    private long _writtenMessages;
    private long _writtenBytes;

    // What follows the last message that came, or where a stream said that it begins.
    private long _position;

    /// <summary>Unique in the connection; set when the consumer is attached.</summary>
    public int Id => _attachment?.Consumer ?? 0;

    /// <summary>What went to the client so far, in octets.</summary>
    public long WrittenBytes => _writtenBytes;

    public string Tag => tag;

    public bool NoAck => noAck;

    public QueueSession Session { get; private set; } = null!;

    /// <summary>How long it may keep a delivery, if it asked for a time of its own (<see cref="MessageLease"/>).</summary>
    public TimeSpan? Lease { get; private set; }

    /// <summary>Attached, and neither detached nor cancelled since. That the activation changes makes no difference.</summary>
    public bool IsAttached { get; private set; }

    /// <summary>The queue has been asked to let go of it.</summary>
    internal bool IsDetaching { get; set; }

    /// <summary>It was asked for before anything was sent over the link: if that finds no queue, there was none when it was asked for.</summary>
    internal bool AskedFirst { get; set; }

    /// <summary>The queue went before it was attached, or had gone already and another has been declared since: whoever opens the session finds out.</summary>
    internal void AskAgain(QueueSession session)
    {
        var asked = _attachment!;
        session.Attach(this, asked.Exclusive, asked.Prefetch, asked.Shared, asked.Arguments);
        if (IsDetaching)
        {
            session.Detach(this);
        }
    }

    /// <summary>Called by the session, before the request is on its way.</summary>
    internal AttachItem Begin(QueueSession session, AttachItem attachment)
    {
        Session = session;
        Lease = noAck ? null : MessageLease.Of(attachment.Arguments);
        _granted = new Window(WindowMessages, WindowBytes);
        return _attachment = attachment with { Window = _granted };
    }

    /// <summary>The activation was lost: what the next one is told.</summary>
    internal AttachItem AttachAgain()
    {
        OnActivationLost();
        _base = _received;
        return _attachment! with { Window = SinceAttached, Position = _position };
    }

    internal void Attached(BrokerError? error)
    {
        IsAttached = error is null;
        OnAttached(error);
    }

    /// <summary>An activation has given it a place among the queue's consumers, which the next ones are told.</summary>
    internal void NotePlace(long rank, bool active, long position)
    {
        _position = Math.Max(_position, position);
        if (rank > 0)
        {
            _attachment = _attachment! with { Rank = rank, Active = active };
        }
    }

    internal void Ended()
    {
        IsAttached = false;
        OnEnded();
    }

    internal void Detached()
    {
        IsAttached = false;
        OnDetached();
    }

    internal void Deliver(DeliverySlice[] slices)
    {
        foreach (var slice in slices)
        {
            _received = new Window(_received.Messages + slice.Batch.Count, _received.Bytes + slice.Batch.Records.Length);
        }

        _position = slices[^1].FirstOffset + slices[^1].Batch.Count;
        OnDelivery(slices);
    }

    /// <summary>Messages are on their way to the client; opens the window again once half of it is used up.</summary>
    public void Written(int messages, int bytes)
    {
        _writtenMessages += messages;
        _writtenBytes += bytes;
        if (_granted.Messages - _writtenMessages < WindowMessages / 2 || _granted.Bytes - _writtenBytes < WindowBytes / 2)
        {
            _granted = new Window(_writtenMessages + WindowMessages, _writtenBytes + WindowBytes);
            if (IsAttached)
            {
                Session.Enqueue(new WindowItem(Id, SinceAttached));
            }
        }
    }

    /// <summary>Replaces its prefetch.</summary>
    public void SetPrefetch(int prefetch)
    {
        _attachment = _attachment! with { Prefetch = prefetch };
        Session.Enqueue(new PrefetchItem(Id, prefetch));
    }

    /// <summary>Puts it under a limit that it shares with others, or lifts that.</summary>
    public void SetShared(bool shared)
    {
        if (_attachment is not null)
        {
            _attachment = _attachment with { Shared = shared };
            Session.Enqueue(new ShareItem(Id, shared));
        }
    }

    /// <summary>Lends it a part of a shared limit.</summary>
    public void Lend(int count) => Session.Enqueue(new LendItem(Id, count));

    public abstract void OnDelivery(DeliverySlice[] slices);

    protected abstract void OnAttached(BrokerError? error);

    /// <summary>The queue confirmed the cancel: nothing more comes.</summary>
    protected abstract void OnDetached();

    /// <summary>The queue is gone.</summary>
    protected abstract void OnEnded();

    /// <summary>The activation that delivered to it is gone, with what it was lent. Another goes on.</summary>
    protected virtual void OnActivationLost()
    {
    }

    /// <summary>Only for consumers under a shared limit.</summary>
    public virtual void OnReady()
    {
    }

    /// <summary>Only for consumers under a shared limit.</summary>
    public virtual void OnUnused(int count)
    {
    }

    private Window SinceAttached => new(_granted.Messages - _base.Messages, _granted.Bytes - _base.Bytes);
}
