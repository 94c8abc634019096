using Orleans.Storage;

namespace Granary.Silo.Storage.Definitions;

/// <summary>Writes the state of a grain with many changes: what turns change while a write is under way is written together by the next.</summary>
/// <param name="write">Sets out to write what there is. Called under the gate.</param>
/// <param name="overtaken">Another activation has written meanwhile: this one has nothing to say any more.</param>
internal sealed class GatheredWrites(GroupCommit commit, Func<Task> write, Action<InconsistentStateException> overtaken)
{
    private Task? _next;
    private Task _written = Task.CompletedTask;

    /// <summary>Completes when all that was changed so far is stored.</summary>
    public Task NextAsync() => _next ??= WriteNextAsync();

    // What a turn changes after the write has begun is for the next one.
    private async Task WriteNextAsync()
    {
        await Task.Yield();
        await _written.ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing | ConfigureAwaitOptions.ContinueOnCapturedContext);
        _next = null;
        lock (commit.Gate)
        {
            _written = WatchAsync(write());
        }

        await _written;
    }

    private async Task WatchAsync(Task written)
    {
        try
        {
            await written;
        }
        catch (InconsistentStateException exception)
        {
            overtaken(exception);
            throw;
        }
    }
}
