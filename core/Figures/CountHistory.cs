namespace Granary.Core.Figures;

/// <summary>
/// A row of numbers over time: how fast each changes, and what it was. Whoever looks does so every few seconds, one at a time; anybody may read. What is kept are
/// the changes from one look to the next, in a ring for each number that has changed in that time, and nothing for the others: a look allocates nothing unless a
/// number changes for the first time, and the rings of what is idle for as long as they reach back are let go.
/// </summary>
/// <param name="now">Unix milliseconds.</param>
public sealed class CountHistory(long now)
{
    private readonly Lock _gate = new();

    // At the last look; null: all were 0 so far.
    private long[]? _last;

    // By number, then by look. A float is exact up to 16 million, and off by a ten millionth beyond.
    private float[]?[]? _changes;
    private long _first;
    private long _tick;
    private double _elapsed;
    private int _quiet;
    private long _idleSince = now;

    /// <summary>Since when nothing has changed, in Unix milliseconds; 0: something has, between the last two looks.</summary>
    public long IdleSince => Volatile.Read(ref _idleSince);

    /// <summary>Changes a second, in the order of the numbers; empty: none has changed between the last two looks.</summary>
    public double[] Rates(SampleTimes times)
    {
        lock (_gate)
        {
            if (_idleSince != 0 || _changes is null || _elapsed <= 0)
            {
                return [];
            }

            var place = times.PlaceOf(_tick);
            return Array.ConvertAll(_changes, ring => ring is null ? 0 : ring[place] / _elapsed);
        }
    }

    /// <param name="times">The look is the last of these.</param>
    public void Look(ReadOnlySpan<long> numbers, SampleTimes times)
    {
        lock (_gate)
        {
            ClearBetween(_tick, times);
            (_first, _tick, _elapsed) = (_tick == 0 ? times.Tick : _first, times.Tick, times.Elapsed);
            if (_last is null ? !numbers.ContainsAnyExcept(0) : numbers.SequenceEqual(_last))
            {
                Rest(times);
                return;
            }

            _last ??= new long[numbers.Length];
            _changes ??= new float[]?[numbers.Length];
            var place = times.PlaceOf(_tick);
            for (var i = 0; i < numbers.Length; i++)
            {
                var change = numbers[i] - _last[i];
                if ((_changes[i] ??= change == 0 ? null : new float[times.Places]) is { } ring)
                {
                    ring[place] = change;
                }

                _last[i] = numbers[i];
            }

            _quiet = 0;
            Volatile.Write(ref _idleSince, 0);
        }
    }

    /// <summary>What the numbers were at the times of a range: between two looks they are taken to have changed evenly.</summary>
    /// <param name="numbers">What they are now.</param>
    /// <param name="at">Now, in Unix milliseconds.</param>
    public HistoryFigure Read(string key, HistoryRange range, ReadOnlySpan<long> numbers, long at, SampleTimes times)
    {
        lock (_gate)
        {
            var oldest = Math.Max(_first, _tick - times.Samples);
            var missing = _tick == 0 ? range.Points : range.PointsBefore(times[oldest]);
            if (missing == range.Points)
            {
                return new HistoryFigure(key, missing, []);
            }

            var columns = new long[numbers.Length][];
            for (var i = 0; i < columns.Length; i++)
            {
                var last = _last?[i] ?? 0;
                var ring = _changes?[i];
                columns[i] = ring is null && last == numbers[i] ? [last] : Trace(range, missing, ring, (at, numbers[i]), last, times);
            }

            return new HistoryFigure(key, missing, columns);
        }
    }

    // From the newest to the oldest: what is known is what the number is now, and by how much it changed before each look.
    private long[] Trace(HistoryRange range, int missing, float[]? ring, (long At, double Value) newer, double last, SampleTimes times)
    {
        var points = new long[range.Points];
        var tick = _tick;
        (long At, double Value) older = (times[tick], last);
        for (var i = range.Points - 1; i >= missing; i--)
        {
            var time = range.TimeOf(i);
            while (time < older.At)
            {
                newer = older;
                older = (times[tick - 1], older.Value - (ring?[times.PlaceOf(tick)] ?? 0));
                tick--;
            }

            var share = newer.At > older.At ? Math.Min(1, (double)(time - older.At) / (newer.At - older.At)) : 1;
            points[i] = (long)Math.Round(older.Value + (share * (newer.Value - older.Value)));
        }

        return points;
    }

    private void Rest(SampleTimes times)
    {
        if (_idleSince == 0)
        {
            Volatile.Write(ref _idleSince, times.Now);
        }

        if (_changes is not null && ++_quiet > times.Samples)
        {
            _changes = null;
        }

        Clear(times.PlaceOf(_tick));
    }

    // Looks that were missed, because something failed: nothing is known of what changed when.
    private void ClearBetween(long last, SampleTimes times)
    {
        for (var tick = Math.Max(last, times.Tick - times.Places) + 1; last > 0 && tick < times.Tick; tick++)
        {
            Clear(times.PlaceOf(tick));
        }
    }

    private void Clear(int place)
    {
        foreach (var ring in _changes ?? [])
        {
            if (ring is not null)
            {
                ring[place] = 0;
            }
        }
    }
}
