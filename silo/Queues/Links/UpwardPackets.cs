using System.Diagnostics.CodeAnalysis;
using Granary.Core.Links;

namespace Granary.Silo.Queues.Links;

/// <summary>Puts the packets of an upward stream in the order of their numbers, each once.</summary>
internal sealed class UpwardPackets
{
    /// <summary>How far ahead of the next number a packet may be; what is further ahead comes again when its turn is near.</summary>
    public const int MostEarly = 256;

    private LinkUp? _next;
    private Dictionary<long, LinkUp>? _early;

    /// <summary>All packets up to this number were taken.</summary>
    public long ReceivedThrough { get; private set; }

    public void Add(LinkUp packet)
    {
        var ahead = packet.Number - ReceivedThrough;
        if (ahead == 1)
        {
            _next = packet;
        }
        else if (ahead > 1 && ahead <= MostEarly)
        {
            (_early ??= []).TryAdd(packet.Number, packet);
        }
    }

    /// <summary>The packet that <see cref="TryTake"/> would give; null for none.</summary>
    public LinkUp? Peek() => _next ?? _early?.GetValueOrDefault(ReceivedThrough + 1);

    public bool TryTake([NotNullWhen(true)] out LinkUp? packet)
    {
        packet = _next;
        _next = null;
        if (packet is null && (_early is null || !_early.Remove(ReceivedThrough + 1, out packet)))
        {
            return false;
        }

        _early?.Remove(packet.Number);
        ReceivedThrough++;
        return true;
    }
}
