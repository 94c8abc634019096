using Granary.Silo.Queues.Consumers;

namespace Granary.Silo.Queues.Messages;

/// <summary>The messages with one key, of a queue that keeps such together, as long as any of them is out or set aside.</summary>
internal sealed class MessageGroup(byte[] key)
{
    public byte[] Key => key;

    /// <summary>Who alone is given messages of it; null: whoever has some of them, got them one by one, and is given no more.</summary>
    public Consumer? Holder { get; set; }

    /// <summary>How many were given out and are not settled.</summary>
    public int Out { get; set; }

    /// <summary>Those that were looked past, one by one, in the order of their offsets.</summary>
    public RingBuffer<MessageRun> Aside { get; } = new();

    /// <summary>The first offset of <see cref="Aside"/> when it was put in order; below 0: it is in none.</summary>
    public long FiledAt { get; set; } = -1;

    /// <summary>In whose list of what waits for its credit it stands.</summary>
    public Consumer? WaitsFor { get; set; }

    public void SetAside(in MessageRun message)
    {
        var isLast = Aside.Count > 0 && Aside[^1].First < message.First;
        Aside.Insert(isLast ? Aside.Count : PlaceOf(message.First), message);
    }

    /// <summary>Takes out one that was set aside, wherever it stands. False: it is not there any more.</summary>
    public bool TryTakeAside(long offset, out MessageRun message)
    {
        var place = PlaceOf(offset);
        if (place == Aside.Count || Aside[place].First != offset)
        {
            message = default;
            return false;
        }

        message = Aside[place];
        Aside.RemoveAt(place);
        return true;
    }

    /// <summary>How many of those that were set aside stand before an offset.</summary>
    private int PlaceOf(long offset)
    {
        int low = 0, high = Aside.Count;
        while (low < high)
        {
            var middle = (low + high) >>> 1;
            if (Aside[middle].First < offset)
            {
                low = middle + 1;
            }
            else
            {
                high = middle;
            }
        }

        return low;
    }
}
