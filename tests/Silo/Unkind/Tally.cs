using Orleans.Concurrency;

namespace Granary.Silo.Tests.Unkind;

/// <summary>A grain that remembers what it was called with, in the order in which the calls arrived.</summary>
public interface ITally : IGrainWithStringKey
{
    ValueTask<int> AddAsync(int number);

    /// <summary>Hands a number on to an observer.</summary>
    ValueTask PushAsync(ITallyObserver observer, int number);

    ValueTask<int[]> ReadAsync();
}

public interface ITallyObserver : IGrainObserver
{
    [OneWay]
    Task NoteAsync(int number);
}

[Reentrant]
internal sealed class Tally : Grain, ITally
{
    private readonly List<int> _numbers = [];

    public ValueTask<int> AddAsync(int number)
    {
        _numbers.Add(number);
        return new(_numbers.Count);
    }

    public ValueTask PushAsync(ITallyObserver observer, int number)
    {
        _ = observer.NoteAsync(number);
        return default;
    }

    public ValueTask<int[]> ReadAsync() => new([.. _numbers]);
}
