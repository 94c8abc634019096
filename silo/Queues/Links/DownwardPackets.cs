using Granary.Core.Links;
using Granary.Silo.Queues.Messages;

namespace Granary.Silo.Queues.Links;

/// <summary>Numbers the packets of a downward stream and keeps them until the gateway has them.</summary>
internal sealed class DownwardPackets(LinkId link, long epoch)
{
    /// <summary>How long the gateway may take to say that it has a packet before it is sent again, in milliseconds.</summary>
    public const long Patience = 1_500;

    private readonly RingBuffer<Sent> _kept = new();
    private long _number;

    public bool IsEmpty => _kept.Count == 0;

    /// <summary>Of the last packet.</summary>
    public long Number => _number;

    /// <summary>What the gateway was told last.</summary>
    public long Watermark { get; private set; }

    public LinkDown Add(LinkDownItem[] items, long receivedThrough, long watermark, StoredTurns stored, long now, BatchProgress[]? givenThrough = null)
    {
        Watermark = watermark;
        var packet = new LinkDown
        {
            Link = link,
            Epoch = epoch,
            Number = ++_number,
            ReceivedThrough = receivedThrough,
            Watermark = watermark,
            Items = items,
            StoredUp = stored.Up,
            StoredDown = stored.Down,
            GivenThrough = givenThrough,
        };
        _kept.AddLast(new Sent(packet, now));
        return packet;
    }

    public void Acknowledge(long through)
    {
        while (_kept.Count > 0 && _kept[0].Packet.Number <= through)
        {
            _kept.RemoveFirst();
        }
    }

    /// <summary>The gateway has not said yet that it has all packets up to this one.</summary>
    public bool AreUnderWay(long through) => _kept.Count > 0 && _kept[0].Packet.Number <= through;

    /// <summary>All packets that the gateway may not have, to be sent again.</summary>
    public LinkDown[]? TakeAll(long now)
    {
        if (_kept.Count == 0)
        {
            return null;
        }

        var packets = new LinkDown[_kept.Count];
        for (var i = 0; i < packets.Length; i++)
        {
            packets[i] = _kept[i].Packet;
            _kept[i] = _kept[i] with { At = now };
        }

        return packets;
    }

    /// <summary>Packets that were sent long ago and not acknowledged.</summary>
    public IEnumerable<LinkDown> TakeOverdue(long now)
    {
        for (var i = 0; i < _kept.Count; i++)
        {
            if (now - _kept[i].At >= Patience)
            {
                _kept[i] = _kept[i] with { At = now };
                yield return _kept[i].Packet;
            }
        }
    }

    private readonly record struct Sent(LinkDown Packet, long At);
}
