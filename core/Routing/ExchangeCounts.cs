namespace Granary.Core.Routing;

/// <summary>
/// What was published to one exchange from this process, counted once for as many messages as go one way together, by all who publish to it.
/// It is kept as long as the exchange's snapshot is: while somebody publishes, and a minute.
/// </summary>
public sealed class ExchangeCounts
{
    private long _in;
    private long _out;
    private long _unroutable;

    /// <summary>Messages published to the exchange.</summary>
    public long In => Volatile.Read(ref _in);

    /// <summary>Copies of them that went to queues. By the default exchange to whatever queue is meant, which may turn out not to be there.</summary>
    public long Out => Volatile.Read(ref _out);

    /// <summary>Messages that no binding led anywhere.</summary>
    public long Unroutable => Volatile.Read(ref _unroutable);

    /// <param name="queues">How many each of them went to.</param>
    public void Add(int messages, int queues)
    {
        Interlocked.Add(ref _in, messages);
        if (queues == 0)
        {
            Interlocked.Add(ref _unroutable, messages);
        }
        else
        {
            Interlocked.Add(ref _out, (long)messages * queues);
        }
    }
}
