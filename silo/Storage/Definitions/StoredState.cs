using Orleans.Storage;

namespace Granary.Silo.Storage.Definitions;

/// <summary>
/// The state of one activation, written without a detour. Orleans' own <see cref="IPersistentState{TState}"/> yields before it calls the storage:
/// by then whoever held <see cref="GroupCommit.Gate"/> has let go of it, and what belongs together is in two flushes.
/// </summary>
internal sealed class StoredState<T>(RowGrainStorage storage, string name, GrainId grain)
{
    private readonly GrainState<T> _held = new();

    /// <summary>As it was read, and then as it was last written; what the storage makes of an empty one if there is none.</summary>
    /// <exception cref="InvalidOperationException">It has not been read.</exception>
    public T Value => _held.State ?? throw new InvalidOperationException($"State '{name}' of {grain} has not been read.");

    /// <summary>It is in the store, or stands in line.</summary>
    public bool Exists => _held.RecordExists;

    /// <summary>To be called once, when the grain activates.</summary>
    public Task ReadAsync(CancellationToken cancellation) => storage.ReadStateAsync(name, grain, _held, cancellation);

    /// <summary>Stands in line for the next flush on return; completes when it is durable.</summary>
    /// <exception cref="InconsistentStateException">Another activation has written since.</exception>
    public Task WriteAsync(T value)
    {
        _held.State = value;
        return storage.WriteStateAsync(name, grain, _held);
    }

    /// <inheritdoc cref="WriteAsync"/>
    public Task ClearAsync() => storage.ClearStateAsync(name, grain, _held);
}
