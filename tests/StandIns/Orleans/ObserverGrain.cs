using Orleans.Concurrency;

namespace Granary.StandIns.Tests;

public interface IPushObserver : IGrainObserver
{
    [OneWay]
    Task PushAsync(int number);

    Task<int> AskAsync(int number);
}

public interface IPushGrain : IGrainWithStringKey
{
    Task PushAsync(IPushObserver observer, int count);

    Task<int> AskAsync(IPushObserver observer, int number);

    [OneWay]
    Task NoteAsync(int number);

    Task<int> NotedAsync();

    Task NeverAsync();

    Task ObserveAsync();
}

[Reentrant]
internal sealed class PushGrain : Grain, IPushGrain
{
    private readonly HashSet<int> _noted = [];

    public async Task PushAsync(IPushObserver observer, int count)
    {
        for (var number = 0; number < count; number++)
        {
            await observer.PushAsync(number);
        }
    }

    public async Task<int> AskAsync(IPushObserver observer, int number) => await observer.AskAsync(number);

    public Task NoteAsync(int number)
    {
        _noted.Add(number);
        return Task.CompletedTask;
    }

    public Task<int> NotedAsync() => Task.FromResult(_noted.Count);

    public Task ObserveAsync()
    {
        GrainFactory.CreateObjectReference<IPushObserver>(new PushObserver(0));
        return Task.CompletedTask;
    }

    public Task NeverAsync() => new TaskCompletionSource().Task;
}

internal sealed class PushObserver(int expected) : IPushObserver
{
    private readonly TaskCompletionSource _complete = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private int _inside;

    public List<int> Numbers { get; } = [];

    public bool Overlapped { get; private set; }

    public Task Complete => _complete.Task;

    public async Task PushAsync(int number)
    {
        Overlapped |= Interlocked.Increment(ref _inside) > 1;
        await Task.Yield();
        Numbers.Add(number);
        Interlocked.Decrement(ref _inside);
        if (Numbers.Count == expected)
        {
            _complete.TrySetResult();
        }
    }

    public Task<int> AskAsync(int number) => number < 0 ? throw new ArgumentException("negative") : Task.FromResult(number * 2);
}
