using Granary.Core.Threads;

namespace Granary.Core.Tests.Threads;

public sealed class InboxTests
{
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(20);

    [Fact]
    public async Task Items_FromManyThreads_AreTakenOnceEachInTheOrderOfTheirThread()
    {
        const int Threads = 4, Each = 50_000;
        var taken = Enumerable.Range(0, Threads).Select(_ => new List<int>()).ToArray();
        var (count, turns) = (0, 0);
        var all = new TaskCompletionSource();
        var inbox = new Inbox<(int Thread, int Number)>(items =>
        {
            Assert.Equal(1, Interlocked.Increment(ref turns));
            foreach (var (thread, number) in items)
            {
                taken[thread].Add(number);
                if (++count == Threads * Each)
                {
                    all.SetResult();
                }
            }

            Interlocked.Decrement(ref turns);
        });
        await Task.WhenAll(Enumerable.Range(0, Threads).Select(thread => Task.Run(() =>
        {
            for (var number = 0; number < Each; number++)
            {
                Assert.True(inbox.TryPost((thread, number)));
            }
        })));
        await all.Task.WaitAsync(Patience);
        Assert.All(taken, numbers => Assert.Equal(Enumerable.Range(0, Each), numbers));
    }

    [Fact]
    public async Task Close_WhileATurnRuns_ReturnsWhatItDidNotTake_AndTakesNothingMore()
    {
        var goOn = new SemaphoreSlim(0);
        var begun = new TaskCompletionSource();
        var taken = new List<int>();
        var inbox = new Inbox<int>(items =>
        {
            taken.AddRange(items);
            begun.TrySetResult();
            Assert.True(goOn.Wait(Patience));
        });
        Assert.True(inbox.TryPost(1));
        await begun.Task.WaitAsync(Patience);
        Assert.True(inbox.TryPost(2));
        Assert.Equal([2], inbox.Close());
        Assert.False(inbox.TryPost(3));
        goOn.Release();
        Assert.Empty(inbox.Close());
        Assert.Equal([1], taken);
    }

    [Fact]
    public async Task TryCloseEmpty_WithSomethingToTake_LeavesItOpen()
    {
        var goOn = new SemaphoreSlim(0);
        var begun = new TaskCompletionSource();
        var second = new TaskCompletionSource();
        var inbox = new Inbox<int>(items =>
        {
            (items.Contains(2) ? second : begun).SetResult();
            Assert.True(goOn.Wait(Patience));
        });
        inbox.TryPost(1);
        await begun.Task.WaitAsync(Patience);
        inbox.TryPost(2);
        Assert.False(inbox.TryCloseEmpty());
        goOn.Release(2);
        await second.Task.WaitAsync(Patience);
        Assert.True(inbox.TryCloseEmpty());
        Assert.False(inbox.TryPost(3));
    }
}
