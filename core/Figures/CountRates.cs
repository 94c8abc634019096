namespace Granary.Core.Figures;

/// <summary>
/// How fast a row of numbers changes, from one look to the next. Whoever looks does so every few seconds, one at a time; anybody may read the result. Of what
/// never changes nothing is kept.
/// </summary>
/// <param name="now">Unix milliseconds.</param>
public sealed class CountRates(long now)
{
    private long[]? _last;
    private double[]? _rates;
    private long _idleSince = now;

    /// <summary>Changes a second, in the order of the numbers; empty: none has changed between the last two looks.</summary>
    public double[] Current => Volatile.Read(ref _rates) ?? [];

    /// <summary>Since when nothing has changed, in Unix milliseconds; 0: something has, between the last two looks.</summary>
    public long IdleSince => Volatile.Read(ref _idleSince);

    /// <param name="elapsed">Since the last look.</param>
    /// <param name="now">Unix milliseconds.</param>
    public void Look(ReadOnlySpan<long> numbers, TimeSpan elapsed, long now)
    {
        if (_last is null ? !numbers.ContainsAnyExcept(0) : numbers.SequenceEqual(_last))
        {
            Volatile.Write(ref _rates, null);
            if (_idleSince == 0)
            {
                Volatile.Write(ref _idleSince, now);
            }

            return;
        }

        _last ??= new long[numbers.Length];
        var rates = new double[numbers.Length];
        for (var i = 0; i < rates.Length; i++)
        {
            rates[i] = elapsed > TimeSpan.Zero ? (numbers[i] - _last[i]) / elapsed.TotalSeconds : 0;
        }

        numbers.CopyTo(_last);
        Volatile.Write(ref _rates, rates);
        Volatile.Write(ref _idleSince, 0);
    }
}
