using System.Diagnostics;

namespace Granary.Bench.Load;

/// <summary>When each message of a fixed rate is due, and which timestamp it carries.</summary>
/// <remarks>
/// A message that is late because the broker held up an earlier one carries the time at which it was due, so that the delay is not left out.
/// What the generator itself overslept is not counted: no stamp is earlier than its last awakening.
/// </remarks>
internal sealed class Pacer(double perSecond, long start)
{
    private readonly double _interval = Stopwatch.Frequency / perSecond;
    private readonly long _start = start;
    private long _sent;
    private long _awake = start;

    public long NextDue => DueAt(_sent);

    public int Due(long now) => (int)Math.Min(int.MaxValue, Math.Max(0, (long)((now - _start) / _interval) + 1 - _sent));

    public void Awoke(long now) => _awake = now;

    public long StampOf(int message) => Math.Max(DueAt(_sent + message), _awake);

    public void Sent(int count) => _sent += count;

    private long DueAt(long message) => _start + (long)(message * _interval);
}
