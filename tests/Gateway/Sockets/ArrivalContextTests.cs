using Granary.Gateway.Sockets;

namespace Granary.Gateway.Tests.Sockets;

public sealed class ArrivalContextTests
{
    [Fact]
    public void Posted_ByTheHandler_RunsAfterItOnItsThread()
    {
        var before = SynchronizationContext.Current;
        var thread = Environment.CurrentManagedThreadId;
        List<string> ran = [];
        ArrivalContext.Run(
            ran =>
            {
                var context = SynchronizationContext.Current!;
                Assert.IsType<ArrivalContext>(context);
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
        ArrivalContext.Run(_ => context = SynchronizationContext.Current, 0);
        var ran = new TaskCompletionSource<bool>(TaskCreationOptions.RunContinuationsAsynchronously);
        context!.Post(_ => ran.SetResult(Thread.CurrentThread.IsThreadPoolThread), null);
        Assert.True(await ran.Task.WaitAsync(LoopbackPair.Patience));
    }
}
