namespace Granary.Core.Figures;

/// <summary>How often values were how large, as a histogram of Prometheus tells it. One thread writes at a time; any may read, and may see a value in one of its parts only.</summary>
/// <param name="bounds">The largest value of each bucket, rising; one bucket more takes what is larger.</param>
public sealed class Distribution(double[] bounds)
{
    private readonly long[] _counts = new long[bounds.Length + 1];
    private double _sum;

    /// <summary>One of numbers that somebody else has counted.</summary>
    /// <param name="counts">See <see cref="Counts"/>; they are copied.</param>
    public static Distribution Of(double[] bounds, ReadOnlySpan<long> counts, double sum)
    {
        var all = new Distribution(bounds);
        counts.CopyTo(all._counts);
        all._sum = sum;
        return all;
    }

    /// <summary>The largest value of each bucket but the last.</summary>
    public IReadOnlyList<double> Bounds => bounds;

    /// <summary>How many values are in each bucket; one more than <see cref="Bounds"/>.</summary>
    public IReadOnlyList<long> Counts => _counts;

    /// <summary>All values together.</summary>
    public double Sum => Volatile.Read(ref _sum);

    /// <summary>Which bucket a value belongs to.</summary>
    public int BucketOf(double value) => BucketOf(bounds, value);

    /// <inheritdoc cref="BucketOf(double)"/>
    public static int BucketOf(double[] bounds, double value)
    {
        ArgumentNullException.ThrowIfNull(bounds);
        var bucket = 0;
        while (bucket < bounds.Length && value > bounds[bucket])
        {
            bucket++;
        }

        return bucket;
    }

    /// <summary>So many values were alike.</summary>
    /// <param name="bucket">Theirs.</param>
    public void Add(int bucket, double value, long times = 1)
    {
        _counts[bucket] += times;
        Volatile.Write(ref _sum, _sum + (value * times));
    }

    /// <summary>Adds all that another one of the same bounds has.</summary>
    public void Add(Distribution other)
    {
        ArgumentNullException.ThrowIfNull(other);
        for (var i = 0; i < _counts.Length; i++)
        {
            _counts[i] += Volatile.Read(ref other._counts[i]);
        }

        _sum += other.Sum;
    }
}
