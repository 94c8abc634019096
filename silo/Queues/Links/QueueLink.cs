using Granary.Core;
using Granary.Core.Links;
using Granary.Silo.Queues.Consumers;
using Granary.Silo.Queues.Messages;

namespace Granary.Silo.Queues.Links;

/// <summary>The queue's end of one link: its two streams, and what the connection has with this queue.</summary>
internal sealed class QueueLink(LinkId id, long epoch, List<QueueLink> touched)
{
    private readonly List<LinkDownItem> _items = [];
    private BatchProgress[]? _givenThrough;
    private StoredTurns _stored;
    private bool _isTouched;

    public LinkId Id { get; } = id;

    public UpwardPackets Up { get; } = new();

    public DownwardPackets Down { get; } = new(id, epoch);

    /// <summary>Null until the first packet is here.</summary>
    public LinkOpen? Opener { get; private set; }

    /// <summary>The gateway's end, when it is in this process.</summary>
    public ILocalLink? Local { get; set; }

    /// <summary>What the link is for; asked for only once the link is open.</summary>
    public SessionId Session => Opener!.Session;

    /// <summary>What is known of its session; set when the link is opened.</summary>
    public SessionState? State { get; set; }

    /// <summary>The connection at the other end; asked for only once the link is open.</summary>
    public ConnectionId Connection => Opener!.Connection;

    public UnackedMessages Unacked { get; } = new();

    public Dictionary<int, Consumer> Consumers { get; } = [];

    /// <summary>The offset after the last one published over this link.</summary>
    public long PublishedEnd { get; set; }

    /// <summary>It is to be told when the watermark moves.</summary>
    public bool IsWaiting { get; set; }

    /// <summary>When it was made, or ended, on the queue's clock.</summary>
    public long Since { get; private set; }

    public bool HasEnded { get; private set; }

    public bool IsOpen => Opener is not null && !HasEnded;

    public void Open(LinkOpen opener) => Opener = opener;

    public void Begin(long now) => Since = now;

    /// <summary>Nothing is taken from it any more. What it holds is given up; what was said is kept until the gateway has it.</summary>
    public void End(long now)
    {
        HasEnded = true;
        Since = now;
        Unacked.Clear();
        Consumers.Clear();
    }

    /// <summary>Adds an item to the packet that goes down at the end of this turn.</summary>
    public void Send(LinkDownItem item)
    {
        _items.Add(item);
        Touch();
    }

    /// <summary>Something goes down at the end of this turn.</summary>
    public bool HasItems => _items.Count > 0;

    /// <summary>With what goes down at the end of this turn nothing is left of what these sessions published.</summary>
    public void SendProgress(BatchProgress[] given) => _givenThrough = given;

    /// <summary>Has the end of this turn look whether there is something to say.</summary>
    public void Touch()
    {
        if (!_isTouched)
        {
            _isTouched = true;
            touched.Add(this);
        }
    }

    /// <summary>The packet of this turn, or null if there is nothing to say.</summary>
    /// <param name="turn">Its number for the store.</param>
    /// <param name="storedTurn">Turns through this one are stored.</param>
    public LinkDown? EndTurn(long watermark, long turn, long storedTurn, long now)
    {
        _isTouched = false;
        var isSaid = _items.Count > 0 || (PublishedEnd > Down.Watermark && watermark > Down.Watermark);
        _stored.Note(turn, storedTurn, Up.ReceivedThrough, Down.Number + (isSaid ? 1 : 0));
        if (!isSaid)
        {
            return null;
        }

        LinkDownItem[] items = [.. _items];
        _items.Clear();
        var given = _givenThrough;
        _givenThrough = null;
        return Down.Add(items, Up.ReceivedThrough, Math.Max(watermark, Down.Watermark), _stored, now, given);
    }
}
