using System.Diagnostics;
using Granary.Bench.Load;

namespace Granary.Bench.Tests;

public class PacerTests
{
    private static readonly long Second = Stopwatch.Frequency;

    [Fact]
    public void Due_AfterHalfASecond_IsHalfTheRate()
    {
        var pacer = new Pacer(1000, start: 0);
        Assert.Equal(1, pacer.Due(0));
        Assert.Equal(501, pacer.Due(Second / 2));
        pacer.Sent(501);
        Assert.Equal(0, pacer.Due(Second / 2));
        Assert.Equal(Second * 501 / 1000, pacer.NextDue);
    }

    [Fact]
    public void StampOf_GeneratorOverslept_IsItsAwakening()
    {
        var pacer = new Pacer(1000, start: 0);
        pacer.Awoke(Second);
        Assert.Equal(Second, pacer.StampOf(0));
    }

    [Fact]
    public void StampOf_BrokerHeldUpTheOneBefore_IsWhenItWasDue()
    {
        // The first was sent at 0 and took a second: the others count from their own time, not from the end of the hold-up.
        var pacer = new Pacer(1000, start: 0);
        pacer.Sent(1);
        Assert.Equal(1000, pacer.Due(Second));
        Assert.Equal(Second / 1000, pacer.StampOf(0));
        Assert.Equal(Second * 10 / 1000, pacer.StampOf(9));
    }
}
