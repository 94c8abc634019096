using Granary.Silo.Storage.Definitions;

namespace Granary.Silo.Queues.Activation;

/// <summary>
/// Writes what outlives the activation besides messages. One write is under way at a time; of what was to be saved meanwhile the latest follows, also when
/// the activation has ended in good order.
/// </summary>
/// <param name="failed">Told, beside the turns, that a write failed: another activation writes, or the node stops.</param>
internal sealed class QueueSaver(StoredState<QueueState> state, Action<Exception> failed)
{
    private readonly Lock _gate = new();
    private QueueState? _next;
    private bool _isSaving;

    /// <summary>Completes when all is written that was to be saved so far; fails if it could not be.</summary>
    public Task Saved { get; private set; } = Task.CompletedTask;

    /// <summary>In a turn, or when none follows any more. It stands in line for the next flush on return, unless an earlier write is under way.</summary>
    public void Save(QueueState now)
    {
        lock (_gate)
        {
            if (_isSaving)
            {
                _next = now;
                return;
            }

            _isSaving = true;
        }

        Saved = GoOnAsync(Write(now));
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

    private Task Write(QueueState now) => !now.IsEmpty ? state.WriteAsync(now) : state.Exists ? state.ClearAsync() : Task.CompletedTask;

    private async Task GoOnAsync(Task first)
    {
        try
        {
            await first.ConfigureAwait(false);
            while (TakeNext() is { } next)
            {
                await Write(next).ConfigureAwait(false);
            }
        }
        catch (Exception exception)
        {
            failed(exception);
            throw;
        }
    }

    private QueueState? TakeNext()
    {
        lock (_gate)
        {
            var next = _next;
            _next = null;
            _isSaving = next is not null;
            return next;
        }
    }
}
