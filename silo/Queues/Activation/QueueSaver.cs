using Granary.Silo.Storage.Definitions;

namespace Granary.Silo.Queues.Activation;

/// <summary>
/// Writes what outlives the activation besides messages. Each write stands in line for the next flush when it is asked for, also while an earlier one is under
/// way: what a turn does to the queue's messages and to its definition, under the store's gate, is in one flush.
/// </summary>
/// <param name="failed">Told once, beside the turns, that a write failed: another activation writes, or the node stops.</param>
internal sealed class QueueSaver(StoredState<QueueState> state, Action<Exception> failed)
{
    private readonly StoredState<QueueState> _state = state;
    private int _hasFailed;

    /// <summary>Completes when all is written that was to be saved so far, since flushes keep the order; fails if it could not be.</summary>
    public Task Saved { get; private set; } = Task.CompletedTask;

    /// <summary>In a turn.</summary>
    /// <param name="written">What else is written with it, and stands in line already.</param>
    public void Save(QueueState now, Task? written = null)
    {
        var state = !now.IsEmpty ? _state.WriteAsync(now) : _state.Exists ? _state.ClearAsync() : null;
        if (state is not null)
        {
            Saved = WatchAsync(written is null ? state : Task.WhenAll(state, written));
        }
    }

    /// <summary>An answer that is given when all is written that was to be saved so far.</summary>
    public ValueTask<T> WhenSaved<T>(T answer)
    {
        return Saved.IsCompletedSuccessfully ? ValueTask.FromResult(answer) : WaitAsync(answer, Saved);

        static async ValueTask<T> WaitAsync(T answer, Task saved)
        {
            await saved.ConfigureAwait(false);
            return answer;
        }
    }

    private async Task WatchAsync(Task written)
    {
        try
        {
            await written.ConfigureAwait(false);
        }
        catch (Exception exception)
        {
            if (Interlocked.Exchange(ref _hasFailed, 1) == 0)
            {
                failed(exception);
            }

            throw;
        }
    }
}
