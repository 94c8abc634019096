using Granary.Bench.Measure;

namespace Granary.Bench.Tests;

public class LatencyHistogramTests
{
    [Fact]
    public void Percentile_OneToAMillion_IsWithinTwoPercent()
    {
        var histogram = new LatencyHistogram();
        for (var i = 1; i <= 1_000_000; i++)
        {
            histogram.Record(i);
        }

        Assert.Equal(1_000_000, histogram.Count);
        Assert.Equal(1_000_000, histogram.MaxNanoseconds);
        foreach (var part in (double[])[0.01, 0.5, 0.9, 0.99, 0.999])
        {
            Assert.InRange(histogram.Percentile(part), part * 1e6 * 0.98, part * 1e6 * 1.02);
        }
    }

    [Theory]
    [InlineData(0)]
    [InlineData(63)]
    [InlineData(64)]
    [InlineData(65)]
    [InlineData(127)]
    [InlineData(128)]
    [InlineData(long.MaxValue)]
    public void Percentile_SingleValue_IsThatValue(long value)
    {
        var histogram = new LatencyHistogram();
        histogram.Record(value);
        Assert.Equal(value, histogram.Percentile(0.5));
        Assert.Equal(value, histogram.Percentile(1));
    }

    [Fact]
    public void Add_TwoHistograms_HoldsBoth()
    {
        var one = new LatencyHistogram();
        one.Record(10);
        var other = new LatencyHistogram();
        other.Record(50);
        one.Add(other);
        Assert.Equal(2, one.Count);
        Assert.Equal(10, one.Percentile(0.5));
        Assert.Equal(50, one.Percentile(1));
    }
}
