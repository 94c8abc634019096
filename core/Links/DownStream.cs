namespace Granary.Core.Links;

/// <summary>Puts the packets of a downward stream in order; they arrive reversed, twice, or (later, sent again) after a gap.</summary>
public sealed class DownStream
{
    private SortedList<long, LinkDown>? _early;

    /// <summary>All packets up to this number were handed on.</summary>
    public long ReceivedThrough { get; private set; }

    /// <summary>The packet when it is the next one, else null: it is kept for later or was seen before.</summary>
    public LinkDown? Accept(LinkDown down)
    {
        if (down.Number == ReceivedThrough + 1)
        {
            ReceivedThrough++;
            return down;
        }

        if (down.Number > ReceivedThrough)
        {
            (_early ??= [])[down.Number] = down;
        }

        return null;
    }

    /// <summary>The next packet in order, if it came early.</summary>
    public LinkDown? Next()
    {
        if (_early is not { Count: > 0 } early || early.Keys[0] != ReceivedThrough + 1)
        {
            return null;
        }

        var down = early.Values[0];
        early.RemoveAt(0);
        ReceivedThrough++;
        return down;
    }
}
