using Granary.Core.Threads;

namespace Granary.Core.Tests.Threads;

public sealed class OwnThreadTests
{
    [Fact]
    public async Task Leave_OnAThreadOfGranary_ContinuesOnThePool()
    {
        var answer = new TaskCompletionSource<(string? Before, bool IsPool)>();
        OwnThread.Start("own", () => _ = LeaveAsync(answer));
        Assert.Equal(("own", true), await answer.Task);
    }

    [Fact]
    public async Task Leave_OnAnotherThread_GoesOnAtOnce()
    {
        var answer = new TaskCompletionSource<(string? Before, bool IsPool)>();
        var thread = new Thread(() => _ = LeaveAsync(answer)) { Name = "foreign", IsBackground = true };
        thread.Start();
        Assert.Equal(("foreign", false), await answer.Task);
    }

    private static async Task LeaveAsync(TaskCompletionSource<(string? Before, bool IsPool)> answer)
    {
        var before = Thread.CurrentThread.Name;
        await OwnThread.Leave();
        answer.SetResult((before, Thread.CurrentThread.IsThreadPoolThread));
    }
}
