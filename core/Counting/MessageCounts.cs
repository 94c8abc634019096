namespace Granary.Core.Counting;

/// <summary>
/// How often what was done with messages: by a channel, a connection, a stream. One writes at a time, under the gate of its links, once for as many
/// messages as are handled together; anybody may read, and sees what was a moment ago.
/// </summary>
/// <param name="whole">What this is a part of: counted there as well.</param>
public sealed class MessageCounts(MessageCounts? whole = null)
{
    public static readonly MessageEvent[] Events = Enum.GetValues<MessageEvent>();

    private readonly long[] _counts = new long[Events.Length];

    public long this[MessageEvent what] => Volatile.Read(ref _counts[(int)what]);

    public void Add(MessageEvent what, long count)
    {
        _counts[(int)what] += count;
        whole?.Add(what, count);
    }

    public void Add(MessageCounts other)
    {
        foreach (var what in Events)
        {
            Add(what, other[what]);
        }
    }
}
