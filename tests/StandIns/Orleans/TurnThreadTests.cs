namespace Granary.StandIns.Tests;

public sealed class TurnThreadTests : IAsyncLifetime
{
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(20);

    private TestSilo _silo = null!;

    public async Task InitializeAsync() => _silo = await TestSilo.StartAsync();

    public async Task DisposeAsync() => await _silo.DisposeAsync();

    [Fact]
    public async Task Continuation_ThatBlocks_HoldsUpNoOtherTurn()
    {
        const int Blocked = 3;
        ThreadPool.GetMinThreads(out var before, out var completions);
        ThreadPool.SetMinThreads(Math.Max(before, (2 * Blocked) + 2), completions);
        using var release = new ManualResetEventSlim();
        using var entered = new SemaphoreSlim(0);
        var blocked = Enumerable.Range(0, Blocked).Select(number => Task.Run(() => BlockAsync(number, entered, release))).ToArray();
        try
        {
            for (var i = 0; i < Blocked; i++)
            {
                Assert.True(await entered.WaitAsync(Patience));
            }

            // Those whose answers are held, too.
            var calls = Enumerable.Range(0, 500).Select(call => Grain(call % 10).AddAsync(1).AsTask());
            await Task.WhenAll(calls).WaitAsync(Patience);
            Assert.All(blocked, task => Assert.False(task.IsCompleted));
        }
        finally
        {
            release.Set();
            ThreadPool.SetMinThreads(before, completions);
        }

        await Task.WhenAll(blocked).WaitAsync(Patience);
    }

    [Fact]
    public async Task Continuation_ThatBlocksOnAnotherCall_GetsItsAnswer()
    {
        for (var round = 0; round < 200; round++)
        {
            await Task.Run(() => CallTwiceAsync(round)).WaitAsync(Patience);
        }
    }

    [Fact]
    public async Task Turns_ManyGrainsCalledAtOnce_AllAreTaken()
    {
        const int Grains = 50;
        const int Callers = 8;
        const int Rounds = 40;
        var callers = Enumerable.Range(0, Callers).Select(_ => Task.Run(async () =>
        {
            for (var round = 0; round < Rounds; round++)
            {
                await Task.WhenAll(Enumerable.Range(0, Grains).Select(grain => Grain(grain).AddAsync(1).AsTask())).ConfigureAwait(false);
            }
        }));
        await Task.WhenAll(callers).WaitAsync(Patience);
        for (var grain = 0; grain < Grains; grain++)
        {
            Assert.Equal(Callers * Rounds, await Grain(grain).AddAsync(0));
        }
    }

    private IPlainGrain Grain(int number) => _silo.Grains.GetGrain<IPlainGrain>($"turn thread {number}");

    private async Task BlockAsync(int number, SemaphoreSlim entered, ManualResetEventSlim release)
    {
        await Grain(number).AddAsync(1).ConfigureAwait(false);
        entered.Release();
        release.Wait(Patience);
    }

    // The second call is made and awaited where the first one's answer is told.
    private async Task CallTwiceAsync(int round)
    {
        await Grain(round).AddAsync(1).ConfigureAwait(false);
        Assert.True(Grain(round).AddAsync(1).AsTask().Wait(Patience));
        Assert.True(Grain(round + 1).AddAsync(0).AsTask().Wait(Patience));
    }
}
