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
        int low = 0, high = Aside.Count;
        if (high > 0 && Aside[high - 1].First < message.First)
        {
            low = high;
        }

        while (low < high)
        {
            var middle = (low + high) >>> 1;
            if (Aside[middle].First < message.First)
            {
                low = middle + 1;
            }
            else
            {
                high = middle;
            }
        }

        Aside.Insert(low, message);
    }
}
