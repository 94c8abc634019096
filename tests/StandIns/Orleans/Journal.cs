using System.Collections.Concurrent;

namespace Granary.StandIns.Tests;

/// <summary>What grains of a silo did, in order, for tests to look at and to wait for.</summary>
public sealed class Journal
{
    private readonly ConcurrentQueue<string> _entries = new();
    private readonly ConcurrentDictionary<string, TaskCompletionSource> _awaited = new();

    public IReadOnlyList<string> Entries => [.. _entries];

    public void Add(string entry)
    {
        _entries.Enqueue(entry);
        Gate(entry).TrySetResult();
    }

    public Task WaitForAsync(string entry) => Gate(entry).Task.WaitAsync(TimeSpan.FromSeconds(20));

    /// <summary>Waits until there are so many of an entry.</summary>
    public async Task WaitForAsync(string entry, int count)
    {
        using var patience = new CancellationTokenSource(TimeSpan.FromSeconds(20));
        while (Count(entry) < count)
        {
            await Task.Delay(1, patience.Token);
        }
    }

    public int Count(string entry) => _entries.Count(each => each == entry);

    private TaskCompletionSource Gate(string entry)
        => _awaited.GetOrAdd(entry, static _ => new(TaskCreationOptions.RunContinuationsAsynchronously));
}
