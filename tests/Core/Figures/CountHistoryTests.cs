using Granary.Core.Figures;

namespace Granary.Core.Tests.Figures;

public sealed class CountHistoryTests
{
    private const int Kept = 120;

    private readonly SampleTimes _times = new(Kept);
    private readonly CountHistory _history = new(now: 1_000);

    [Fact]
    public void Rates_OfWhatChanged_AreASecond()
    {
        Look(10, 0);
        Assert.Equal([2, 0], _history.Rates(_times));
        Assert.Equal(0, _history.IdleSince);
        Look(10, -5);
        Assert.Equal([0, -1], _history.Rates(_times));
    }

    [Fact]
    public void Rates_OfWhatDoesNotChange_AreNoneSinceTheFirstLook()
    {
        Look(0, 0);
        Assert.Empty(_history.Rates(_times));
        Assert.Equal(1_000, _history.IdleSince);

        Look(5, 0);
        Look(5, 0);
        var since = _times.Now;
        Look(5, 0);
        Assert.Empty(_history.Rates(_times));
        Assert.Equal(since, _history.IdleSince);
    }

    [Fact]
    public void Read_HasWhatEachLookSaw()
    {
        Look(10, 1);
        Look(30, 1);
        Look(60, 0);
        var figure = Read(new HistoryRange(6_000, 5_000, 3), _times.Now, 60, 0);
        Assert.Equal(0, figure.Missing);
        Assert.Equal([10L, 30L, 60L], figure.Numbers[0]);
        Assert.Equal([1L, 1L, 0L], figure.Numbers[1]);
    }

    [Fact]
    public void Read_BetweenLooks_IsAsIfTheyChangedEvenly()
    {
        Look(0, 0);
        Look(100, 0);
        var figure = Read(new HistoryRange(7_000, 1_000, 4), _times.Now, 100, 0);
        Assert.Equal([20L, 40L, 60L, 80L], figure.Numbers[0]);
    }

    [Fact]
    public void Read_AfterTheLastLook_IsOnItsWayToWhatTheNumbersAreNow()
    {
        Look(100, 0);
        var figure = Read(new HistoryRange(6_000, 2_000, 3), at: 10_000, 140, 7);
        Assert.Equal([100L, 120L, 140L], figure.Numbers[0]);
        Assert.Equal(7, figure.ValueOf(1, 2));
    }

    [Fact]
    public void Read_BeforeTheFirstLook_IsMissing()
    {
        Look(10, 0);
        Look(20, 0);
        var figure = Read(new HistoryRange(1_000, 1_000, 11), _times.Now, 20, 0);
        Assert.Equal(5, figure.Missing);
        Assert.Equal(10, figure.ValueOf(0, 5));
        Assert.True(new CountHistory(0).Read("k", new HistoryRange(1_000, 1_000, 2), [0, 0], 5_000, _times).IsEmpty);
    }

    [Fact]
    public void Read_OfMoreThanIsKept_HasWhatIsKept()
    {
        for (var i = 1; i <= 3 * Kept; i++)
        {
            Look(i * 7, i % 3);
        }

        var range = new HistoryRange(_times.Now - (2 * Kept * 5_000), 5_000, (2 * Kept) + 1);
        var figure = Read(range, _times.Now, 3 * Kept * 7, 0);
        Assert.Equal(Kept, figure.Missing);
        for (var point = Kept; point <= 2 * Kept; point++)
        {
            Assert.Equal((Kept + point) * 7, figure.ValueOf(0, point));
            Assert.Equal((Kept + point) % 3, figure.ValueOf(1, point));
        }
    }

    [Fact]
    public void Read_OfWhatIsIdleForLong_IsOneValue()
    {
        Look(5, 0);
        for (var i = 0; i < Kept + 2; i++)
        {
            Look(5, 0);
        }

        var figure = Read(new HistoryRange(_times.Now - 10_000, 5_000, 3), _times.Now, 5, 0);
        Assert.Equal([5L], figure.Numbers[0]);
        Look(9, 0);
        Assert.Equal([5L, 9L], Read(new HistoryRange(_times.Now - 5_000, 5_000, 2), _times.Now, 9, 0).Numbers[0]);
    }

    [Fact]
    public void Read_AfterLooksThatWereMissed_HasNothingOfOneRoundAgo()
    {
        Look(1, 0);
        Look(90, 0);
        for (var i = 0; i < _times.Places - 1; i++)
        {
            Look(90, i);
        }

        // The place of the look that is missed is that of the one that saw 90.
        Tick();
        Look(91, 0);
        var figure = Read(new HistoryRange(_times.Now - 10_000, 5_000, 3), _times.Now, 91, 0);
        Assert.Equal([90L, 90L, 91L], figure.Numbers[0]);
    }

    [Fact]
    public void Look_AtWhatHasChangedBefore_AllocatesNothing()
    {
        Look(1, 1);
        Look(2, 2);
        var before = GC.GetAllocatedBytesForCurrentThread();
        for (var i = 0; i < 1_000; i++)
        {
            Look(i, -i);
        }

        Assert.Equal(0, GC.GetAllocatedBytesForCurrentThread() - before);
    }

    [Fact]
    public void Sum_OfTwoProcesses_CountsWhatOneKnowsAlone()
    {
        var range = new HistoryRange(0, 1_000, 3);
        var sum = HistoryFigure.Sum(range, [new HistoryFigure("a", 1, [[0, 10, 20], [5]]), new HistoryFigure("b", 2, [[0, 0, 1], [7]]), new HistoryFigure("c", 3, [])]);
        Assert.Equal(1, sum.Missing);
        Assert.Equal([10L, 21L], sum.Numbers[0][1..]);
        Assert.Equal([5L, 12L], sum.Numbers[1][1..]);
    }

    private HistoryFigure Read(HistoryRange range, long at, params long[] numbers) => _history.Read("k", range, numbers, at, _times);

    private void Look(params ReadOnlySpan<long> numbers)
    {
        Tick();
        _history.Look(numbers, _times);
    }

    private void Tick() => _times.Advance(1_000 + ((_times.Tick + 1) * 5_000), TimeSpan.FromSeconds(5));
}
