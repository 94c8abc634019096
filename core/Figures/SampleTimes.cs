using System.Numerics;

namespace Granary.Core.Figures;

/// <summary>
/// When counts were looked at: one row of times for all that are looked at together, so that none of them has one of its own. Looks are numbered from 1 on. One
/// writes; anybody may read of the looks that are kept.
/// </summary>
public sealed class SampleTimes
{
    private readonly long[] _times;
    private long _tick;
    private double _elapsed;

    /// <param name="samples">For so many looks back histories are told.</param>
    public SampleTimes(int samples)
    {
        Samples = samples;

        // One more than are told: the next look takes the place of one that nobody reads.
        _times = new long[BitOperations.RoundUpToPowerOf2((uint)samples + 2)];
    }

    public int Samples { get; }

    /// <summary>For how many looks there is a place; a power of two.</summary>
    public int Places => _times.Length;

    /// <summary>The number of the last look; 0: there was none.</summary>
    public long Tick => Volatile.Read(ref _tick);

    /// <summary>When the last look was, in Unix milliseconds.</summary>
    public long Now => this[Tick];

    /// <summary>Seconds between the last look and the one before.</summary>
    public double Elapsed => Volatile.Read(ref _elapsed);

    /// <summary>When a look was, in Unix milliseconds.</summary>
    public long this[long tick] => Volatile.Read(ref _times[PlaceOf(tick)]);

    public int PlaceOf(long tick) => (int)(tick & (_times.Length - 1));

    /// <summary>Counts are about to be looked at.</summary>
    /// <param name="now">Unix milliseconds.</param>
    /// <param name="elapsed">Since the last look.</param>
    public void Advance(long now, TimeSpan elapsed)
    {
        Volatile.Write(ref _times[PlaceOf(_tick + 1)], now);
        Volatile.Write(ref _elapsed, elapsed.TotalSeconds);
        Volatile.Write(ref _tick, _tick + 1);
    }
}
