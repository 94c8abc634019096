using Granary.Core.Figures;

namespace Granary.Core.Tests.Figures;

public sealed class CountRatesTests
{
    private static readonly TimeSpan Period = TimeSpan.FromSeconds(5);

    [Fact]
    public void Rates_OfWhatChanged_AreASecond()
    {
        var rates = new CountRates(now: 1_000);
        rates.Look([10, 0], Period, 6_000);
        Assert.Equal([2, 0], rates.Current);
        Assert.Equal(0, rates.IdleSince);
        rates.Look([10, -5], Period, 11_000);
        Assert.Equal([0, -1], rates.Current);
    }

    [Fact]
    public void Rates_OfWhatDoesNotChange_AreNoneSinceTheFirstLook()
    {
        var rates = new CountRates(now: 1_000);
        rates.Look([0, 0], Period, 6_000);
        Assert.Empty(rates.Current);
        Assert.Equal(1_000, rates.IdleSince);

        rates.Look([5, 0], Period, 11_000);
        rates.Look([5, 0], Period, 16_000);
        rates.Look([5, 0], Period, 21_000);
        Assert.Empty(rates.Current);
        Assert.Equal(16_000, rates.IdleSince);
    }
}
