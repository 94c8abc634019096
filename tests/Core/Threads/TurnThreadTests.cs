using System.Diagnostics;
using Granary.Core.Threads;

namespace Granary.Core.Tests.Threads;

public sealed class TurnThreadTests
{
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(20);

    [Fact]
    public async Task Turn_ScheduledAnywhere_RunsOnThePool()
    {
        var ran = new TaskCompletionSource<bool>(TaskCreationOptions.RunContinuationsAsynchronously);
        var thread = new Thread(() => TurnThread.Schedule(new Turn(() => ran.SetResult(Thread.CurrentThread.IsThreadPoolThread))));
        thread.Start();
        Assert.True(await ran.Task.WaitAsync(Patience));
    }

    [Fact]
    public void Turn_ScheduledWhereSomethingIsHandled_RunsOnThatThreadAfterwards()
    {
        var events = new List<string>();
        SameThreadContext.Run(
            list =>
            {
                TurnThread.Schedule(new Turn(() => list.Add($"turn {SynchronizationContext.Current is null}")));
                list.Add("handled");
            },
            events);
        Assert.Equal(["handled", "turn True"], events);
    }

    [Fact]
    public void Later_UnderALock_ContinuesOnThatThreadWithoutIt()
    {
        var gate = new Lock();
        var events = new List<string>();
        SameThreadContext.Run(
            list =>
            {
                lock (gate)
                {
                    _ = ContinueAsync();
                    list.Add("left");
                }

                async Task ContinueAsync()
                {
                    list.Add($"began {gate.IsHeldByCurrentThread}");
                    await TurnThread.Later();
                    list.Add($"continued {gate.IsHeldByCurrentThread}");
                }
            },
            events);
        Assert.Equal(["began True", "left", "continued False"], events);
    }

    [Fact]
    public async Task Turn_ScheduledByAShortOne_FollowsOnTheSameThread()
    {
        // The first ones take long, as they are compiled.
        for (var tries = 1; ; tries++)
        {
            var order = new List<string>();
            var follower = new TaskCompletionSource<Thread>(TaskCreationOptions.RunContinuationsAsynchronously);
            SameThreadContext.Run(
                events => TurnThread.Schedule(new Turn(() =>
                {
                    TurnThread.Schedule(new Turn(() =>
                    {
                        events.Add("second");
                        follower.SetResult(Thread.CurrentThread);
                    }));
                    events.Add("first");
                })),
                order);
            var here = Thread.CurrentThread;
            var ranOn = await follower.Task.WaitAsync(Patience);
            Assert.Equal(["first", "second"], order);
            if (ranOn == here)
            {
                return;
            }

            Assert.InRange(tries, 1, 1_000);
        }
    }

    [Fact]
    public async Task Turn_BehindALongOne_RunsOnThePool()
    {
        var ran = new TaskCompletionSource<bool>(TaskCreationOptions.RunContinuationsAsynchronously);
        var thread = new Thread(() => SameThreadContext.Run(
            own => TurnThread.Schedule(new Turn(() =>
            {
                TurnThread.Schedule(new Turn(() => ran.SetResult(Thread.CurrentThread == own)));
                var start = Stopwatch.GetTimestamp();
                while (Stopwatch.GetElapsedTime(start) < TimeSpan.FromMilliseconds(1))
                {
                }
            })),
            Thread.CurrentThread));
        thread.Start();
        Assert.False(await ran.Task.WaitAsync(Patience));
    }

    [Fact]
    public async Task Turn_BriefBehindALongOne_FollowsOnTheSameThread()
    {
        var ran = new TaskCompletionSource<bool>(TaskCreationOptions.RunContinuationsAsynchronously);
        var thread = new Thread(() => SameThreadContext.Run(
            own => TurnThread.Schedule(new Turn(() =>
            {
                TurnThread.Schedule(new Turn(() => ran.SetResult(Thread.CurrentThread == own), isBrief: true));
                var start = Stopwatch.GetTimestamp();
                while (Stopwatch.GetElapsedTime(start) < TimeSpan.FromMilliseconds(1))
                {
                }
            })),
            Thread.CurrentThread));
        thread.Start();
        Assert.True(await ran.Task.WaitAsync(Patience));
    }

    private sealed class Turn(Action run, bool isBrief = false) : ITurn
    {
        public bool IsBrief => isBrief;

        public void Run() => run();
    }
}
