namespace Granary.Gateway.Counting;

/// <summary>How many of something there have been, and how many of those are gone. Any thread counts, any reads.</summary>
internal sealed class Turnover
{
    private long _begun;
    private long _ended;

    public long Begun => Volatile.Read(ref _begun);

    public long Ended => Volatile.Read(ref _ended);

    public void Begin() => Interlocked.Increment(ref _begun);

    public void End(int count) => Interlocked.Add(ref _ended, count);
}
