using Granary.Core.Topology;

namespace Granary.Gateway.Amqp.Connections;

/// <summary>The queues that go with a connection: those that it declared exclusively, and those of which it was never told whether it did.</summary>
internal sealed class ExclusiveQueues
{
    private readonly HashSet<string> _names = [];
    private readonly List<Task> _unanswered = [];

    /// <summary>False when it was there already.</summary>
    public bool Add(string name) => _names.Add(name);

    public void Remove(string name) => _names.Remove(name);

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
    public async Task DeleteAllAsync(Func<string, ValueTask<QueueAnswer>> delete)
    {
        await Task.WhenAll(_unanswered).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        foreach (var name in _names)
        {
            while ((await delete(name).ConfigureAwait(false)).Error is { IsOutOfReach: true })
            {
                // Each try has waited already.
            }
        }

        _names.Clear();
    }
}
