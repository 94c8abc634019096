using Granary.Core.Topology;

namespace Granary.Gateway.Amqp.Connections;

/// <summary>The queues that go with a connection: those that it declared exclusively, and those of which it was never told whether it did.</summary>
internal sealed class ExclusiveQueues
{
    private readonly Dictionary<string, Guid> _incarnations = [];
    private readonly List<Task> _unanswered = [];

    public bool IsEmpty => _incarnations.Count == 0;

    /// <summary>False when it was there already.</summary>
    public bool Add(string name) => _incarnations.TryAdd(name, default);

    /// <summary>Notes which queue of that name it is: another may have the name later.</summary>
    public void Note(string name, Guid incarnation) => _incarnations[name] = incarnation;

    public void Remove(string name) => _incarnations.Remove(name);

    /// <summary>Keeps an eye on a declaration: one that nobody waits for any more may still happen, and the queue has to go after it.</summary>
    public ValueTask<QueueAnswer> Follow(ValueTask<QueueAnswer> declaration)
    {
        if (declaration.IsCompleted)
        {
            return declaration;
        }

        var answer = declaration.AsTask();
        _unanswered.RemoveAll(static earlier => earlier.IsCompleted);
        _unanswered.Add(answer);
        return new ValueTask<QueueAnswer>(answer);
    }

    /// <summary>Deletes all, for as long as it takes.</summary>
    /// <param name="delete">Deletes the queue with that name and incarnation; of an empty one it is not known which it is.</param>
    public async Task DeleteAllAsync(Func<string, Guid, ValueTask<QueueAnswer>> delete)
    {
        await Task.WhenAll(_unanswered).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        foreach (var (name, incarnation) in _incarnations)
        {
            while ((await delete(name, incarnation).ConfigureAwait(false)).Error is { IsOutOfReach: true })
            {
                // Each try has waited already.
            }
        }

        _incarnations.Clear();
    }
}
