using Granary.Core.Threads;

namespace Granary.Core.Tests.Threads;

public sealed class SameThreadContextTests
{
    [Fact]
    public void Posted_ByTheHandler_RunsAfterItOnItsThread()
    {
        var before = SynchronizationContext.Current;
        var thread = Environment.CurrentManagedThreadId;
        List<string> ran = [];
        SameThreadContext.Run(
            ran =>
            {
                var context = SynchronizationContext.Current!;
                Assert.IsType<SameThreadContext>(context);
                foreach (var name in (string[])["first", "second"])
                {
                    context.Post(
                        _ =>
                        {
                            Assert.Equal(thread, Environment.CurrentManagedThreadId);
                            ran.Add(name);
                        },
                        null);
                }

                ran.Add("handler");
            },
            ran);
        Assert.Equal(["handler", "first", "second"], ran);
        Assert.Same(before, SynchronizationContext.Current);
    }

    [Fact]
    public async Task Posted_FromElsewhere_RunsOnThePool()
    {
        SynchronizationContext? context = null;
        SameThreadContext.Run(_ => context = SynchronizationContext.Current, 0);
        var ran = new TaskCompletionSource<bool>(TaskCreationOptions.RunContinuationsAsynchronously);
        context!.Post(_ => ran.SetResult(Thread.CurrentThread.IsThreadPoolThread), null);
        Assert.True(await ran.Task.WaitAsync(TimeSpan.FromSeconds(20)));
    }
}
