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

    [Fact]
    public void LeftForTheEnd_ByTheHandlerAndByWhatItPosted_RunsAtTheEndInOrder()
    {
        List<string> ran = [];
        SameThreadContext.Run(
            ran =>
            {
                Assert.True(SameThreadContext.TryAtEnd(_ => ran.Add("last"), ran));
                SynchronizationContext.Current!.Post(
                    _ =>
                    {
                        ran.Add("posted");
                        Assert.True(SameThreadContext.TryAtEnd(_ => ran.Add("very last"), ran));
                    },
                    null);
                ran.Add("handler");
            },
            ran);
        Assert.Equal(["handler", "posted", "last", "very last"], ran);
    }

    [Fact]
    public void LeftForTheEnd_HandlerThrows_RunsAllTheSame()
    {
        var ran = false;
        Assert.Throws<InvalidOperationException>(() => SameThreadContext.Run(
            _ =>
            {
                SameThreadContext.TryAtEnd(_ => ran = true, this);
                throw new InvalidOperationException();
            },
            0));
        Assert.True(ran);
        Assert.False(SameThreadContext.TryAtEnd(_ => Assert.Fail("There is no end."), this));
    }

    [Fact]
    public void Run_WithinAnother_EndsWithIt()
    {
        List<string> ran = [];
        SameThreadContext.Run(
            ran =>
            {
                SameThreadContext.Run(ran => SameThreadContext.TryAtEnd(_ => ran.Add("end"), ran), ran);
                ran.Add("outer");
            },
            ran);
        Assert.Equal(["outer", "end"], ran);
    }
}
