namespace Granary.StandIns.Tests;

public sealed class TurnTests : IAsyncLifetime
{
    private TestSilo _silo = null!;

    private Journal Journal => (Journal)_silo.Services.GetService(typeof(Journal))!;

    public async Task InitializeAsync() => _silo = await TestSilo.StartAsync();

    public async Task DisposeAsync() => await _silo.DisposeAsync();

    [Fact]
    public async Task Turns_ManyCallsOnReentrantGrain_NeverOverlap()
    {
        var grain = _silo.Grains.GetGrain<IReentrantGrain>("turns");
        var most = await Task.WhenAll(Enumerable.Range(0, 50).Select(_ => grain.OverlapAsync(200)));
        Assert.All(most, inside => Assert.Equal(1, inside));
    }

    [Fact]
    public async Task Requests_ThatDoNotAwait_AreAllCounted()
    {
        var grain = _silo.Grains.GetGrain<IReentrantGrain>("sum");
        await Parallel.ForAsync(0, 20_000, async (_, _) => await grain.AddAsync(1));
        await grain.AddAsync();
        Assert.Equal(20_001, await grain.AddAsync(0));
    }

    [Fact]
    public async Task Request_WhileAnotherAwaitsOnPlainGrain_Waits()
    {
        var grain = _silo.Grains.GetGrain<IPlainGrain>("plain");
        var holding = grain.HoldAsync("a");
        await Journal.WaitForAsync("holding a");
        var second = grain.AddAsync(1);
        Assert.Equal("plain", await grain.PeekAsync());
        Assert.False(second.IsCompleted);
        Journal.Add("a");
        await holding;
        Assert.Equal(1, await second);
    }

    [Fact]
    public async Task Request_WhileAnotherAwaitsOnReentrantGrain_Runs()
    {
        var grain = _silo.Grains.GetGrain<IReentrantGrain>("reentrant");
        var holding = grain.HoldAsync("b");
        await Journal.WaitForAsync("holding b");
        Assert.Equal(1, await grain.AddAsync(1));
        Assert.Equal("reentrant", await grain.CallSelfAsync());
        Journal.Add("b");
        await holding;
    }

    [Fact]
    public async Task Call_FromAnyThread_NeverRunsThere()
    {
        var grain = _silo.Grains.GetGrain<IPlainGrain>("thread");
        await grain.AddAsync(0);
        long other = 0;
        var caller = new Thread(() =>
        {
            var answer = grain.ThreadAsync().AsTask();
            answer.Wait();
            other = answer.Result;
        });
        caller.Start();
        caller.Join();
        Assert.NotEqual(0, other);
        Assert.NotEqual(caller.ManagedThreadId, other);
    }

    [Fact]
    public async Task Exception_OfAGrain_ReachesTheCaller()
    {
        var grain = _silo.Grains.GetGrain<IPlainGrain>("errors");
        Assert.Equal("late", (await Assert.ThrowsAsync<InvalidOperationException>(() => grain.FailAsync("late"))).Message);
        Assert.Equal("early", (await Assert.ThrowsAsync<InvalidOperationException>(async () => await grain.FailAtOnceAsync("early"))).Message);
        Assert.Equal(2, await grain.AddAsync(2));
    }
}
