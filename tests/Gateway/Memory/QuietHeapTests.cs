using Granary.Node.Memory;

namespace Granary.Gateway.Tests.Memory;

public sealed class QuietHeapTests
{
    private static readonly TimeSpan FiveSeconds = TimeSpan.FromSeconds(5);

    private readonly QuietHeap _heap = new();
    private TimeSpan _used;
    private long _allocated;

    [Fact]
    public void IsDue_WhileThereIsWork_Waits()
    {
        Assert.False(Look(used: TimeSpan.FromSeconds(2), allocated: 1L << 30));
        Assert.False(Look(used: TimeSpan.FromMilliseconds(550), allocated: 1L << 30));
    }

    [Fact]
    public void IsDue_QuietAfterWork_IsOnceUntilThereIsGarbageAgain()
    {
        Look(used: TimeSpan.FromSeconds(2), allocated: 1L << 30);

        Assert.True(Look(used: TimeSpan.FromMilliseconds(50), allocated: 1000));
        Assert.False(Look(used: TimeSpan.FromMilliseconds(50), allocated: 1000, elapsed: QuietHeap.Spacing));
        Assert.False(Look(used: TimeSpan.FromMilliseconds(50), allocated: 1L << 20));
        Assert.True(Look(used: TimeSpan.FromMilliseconds(50), allocated: 1L << 20));
    }

    [Fact]
    public void IsDue_TimersOfASlowProcessor_CountAsQuiet() => Assert.True(Look(used: TimeSpan.FromMilliseconds(300), allocated: 1L << 30));

    [Fact]
    public void IsDue_SoonAfterTheLast_WaitsUnlessThereIsMuch()
    {
        Assert.True(Look(used: TimeSpan.FromMilliseconds(50), allocated: 1L << 30));

        Assert.False(Look(used: TimeSpan.FromMilliseconds(50), allocated: 30L << 20));
        Assert.True(Look(used: TimeSpan.FromMilliseconds(50), allocated: 2L << 20));
        Assert.False(Look(used: TimeSpan.FromMilliseconds(50), allocated: 2L << 20));
        Assert.True(Look(used: TimeSpan.FromMilliseconds(50), allocated: 0, elapsed: QuietHeap.Spacing));
    }

    [Fact]
    public void IsDue_QuietWithLittleGarbage_Waits() => Assert.False(Look(used: TimeSpan.FromMilliseconds(50), allocated: 1L << 20));

    [Theory]
    [InlineData(300, 20, true)]
    [InlineData(21, 20, false)]
    [InlineData(2000, 257, false)]
    public void IsWorthMoving_WhenMuchIsKeptAndLittleInUse(int committedMiB, int inUseMiB, bool isWorth) =>
        Assert.Equal(isWorth, QuietHeap.IsWorthMoving((long)committedMiB << 20, (long)inUseMiB << 20));

    private bool Look(TimeSpan used, long allocated, TimeSpan? elapsed = null) => _heap.IsDue(elapsed ?? FiveSeconds, _used += used, _allocated += allocated);
}
