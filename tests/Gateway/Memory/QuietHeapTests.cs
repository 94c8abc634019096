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
        Assert.False(Look(used: TimeSpan.FromMilliseconds(250), allocated: 1L << 30));
    }

    [Fact]
    public void IsDue_QuietAfterWork_IsOnceUntilThereIsGarbageAgain()
    {
        Look(used: TimeSpan.FromSeconds(2), allocated: 1L << 30);

        Assert.True(Look(used: TimeSpan.FromMilliseconds(50), allocated: 1000));
        Assert.False(Look(used: TimeSpan.FromMilliseconds(50), allocated: 1000));
        Assert.False(Look(used: TimeSpan.FromMilliseconds(50), allocated: 1L << 20));
        Assert.True(Look(used: TimeSpan.FromMilliseconds(50), allocated: 1L << 20));
    }

    [Fact]
    public void IsDue_QuietWithLittleGarbage_Waits() => Assert.False(Look(used: TimeSpan.FromMilliseconds(50), allocated: 1L << 20));

    [Theory]
    [InlineData(300, 20, true)]
    [InlineData(21, 20, false)]
    [InlineData(2000, 257, false)]
    public void IsWorthMoving_WhenMuchIsKeptAndLittleInUse(int committedMiB, int inUseMiB, bool isWorth) =>
        Assert.Equal(isWorth, QuietHeap.IsWorthMoving((long)committedMiB << 20, (long)inUseMiB << 20));

    private bool Look(TimeSpan used, long allocated) => _heap.IsDue(FiveSeconds, _used += used, _allocated += allocated);
}
