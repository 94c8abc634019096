using Orleans.Concurrency;

namespace Granary.StandIns.Tests;

public interface ITurnGrain : IGrainWithStringKey
{
    Task<int> OverlapAsync(int turns);

    ValueTask<int> AddAsync(int number);

    Task AddAsync();

    ValueTask<long> ThreadAsync();

    Task FailAsync(string message);

    ValueTask FailAtOnceAsync(string message);

    Task HoldAsync(string gate);

    [AlwaysInterleave]
    Task<string> PeekAsync();

    Task<string> CallSelfAsync();
}

public interface IPlainGrain : ITurnGrain;

public interface IReentrantGrain : ITurnGrain;

internal abstract class TurnGrain(Journal journal) : Grain, ITurnGrain
{
    private int _inside;
    private int _sum;

    public async Task<int> OverlapAsync(int turns)
    {
        var most = 0;
        for (var turn = 0; turn < turns; turn++)
        {
            most = Math.Max(most, Interlocked.Increment(ref _inside));
            Thread.SpinWait(50);
            Interlocked.Decrement(ref _inside);
            await Task.Yield();
        }

        return most;
    }

    public ValueTask<int> AddAsync(int number) => new(_sum += number);

    public Task AddAsync()
    {
        _sum++;
        return Task.CompletedTask;
    }

    public ValueTask<long> ThreadAsync() => new(Environment.CurrentManagedThreadId);

    public async Task FailAsync(string message)
    {
        await Task.Yield();
        throw new InvalidOperationException(message);
    }

    public ValueTask FailAtOnceAsync(string message) => throw new InvalidOperationException(message);

    public async Task HoldAsync(string gate)
    {
        journal.Add($"holding {gate}");
        await journal.WaitForAsync(gate);
        journal.Add($"released {gate}");
    }

    public Task<string> PeekAsync() => Task.FromResult(this.GetPrimaryKeyString());

    public async Task<string> CallSelfAsync() => await GrainFactory.GetGrain<IReentrantGrain>(this.GetPrimaryKeyString()).PeekAsync();
}

internal sealed class PlainGrain(Journal journal) : TurnGrain(journal), IPlainGrain;

[Reentrant]
internal sealed class ReentrantGrain(Journal journal) : TurnGrain(journal), IReentrantGrain;
