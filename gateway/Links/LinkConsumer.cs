using Granary.Core;
using Granary.Core.Links;

namespace Granary.Gateway.Links;

/// <summary>
/// The gateway's end of one consumer. Everything here is called under the gate of the <see cref="LinkSet"/>.
/// The window keeps what is on the way small enough to stay in the processor's cache, and a slow reader from filling memory.
/// </summary>
internal abstract class LinkConsumer(string tag, bool noAck)
{
    // Measured: see docs/performance.md. Twice the size of a batch keeps both ends busy.
    private const long WindowMessages = 16 * 1024;
    private const long WindowBytes = 512 * 1024;

    private Window _granted;
    private long _writtenMessages;
    private long _writtenBytes;

    /// <summary>Unique in the connection; set when the consumer is attached.</summary>
    public int Id { get; private set; }

    /// <summary>What went to the client so far, in octets, since it was attached.</summary>
    public long WrittenBytes => _writtenBytes;

    public string Tag => tag;

    public bool NoAck => noAck;

    public QueueLink Link { get; private set; } = null!;

    /// <summary>Attached, and neither detached nor cancelled since.</summary>
    public bool IsAttached { get; private set; }

    /// <summary>Called by the link, before the request is on its way.</summary>
    public Window Begin(QueueLink link, int id)
    {
        (Link, Id) = (link, id);
        _writtenMessages = _writtenBytes = 0;
        return _granted = new Window(WindowMessages, WindowBytes);
    }

    public void Attached(BrokerError? error)
    {
        IsAttached = error is null;
        OnAttached(error);
    }

    public void Ended()
    {
        IsAttached = false;
        OnEnded();
    }

    public void Detached()
    {
        IsAttached = false;
        OnDetached();
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
                Link.Enqueue(new WindowItem(Id, _granted));
            }
        }
    }

    public abstract void OnDelivery(DeliverySlice[] slices);

    protected abstract void OnAttached(BrokerError? error);

    /// <summary>The queue confirmed the cancel: nothing more comes.</summary>
    protected abstract void OnDetached();

    /// <summary>The queue is gone.</summary>
    protected abstract void OnEnded();

    /// <summary>Only for consumers under a shared limit.</summary>
    public virtual void OnReady()
    {
    }

    /// <summary>Only for consumers under a shared limit.</summary>
    public virtual void OnUnused(int count)
    {
    }
}
