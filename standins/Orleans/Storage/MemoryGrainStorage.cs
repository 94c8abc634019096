using System.Collections.Concurrent;
using System.Globalization;
using Orleans.Runtime;
using Orleans.StandIn.Copying;

namespace Orleans.Storage;

/// <summary>Grain state in memory, copied on its way in and out.</summary>
public sealed class MemoryGrainStorage(string name) : IGrainStorage
{
    private readonly ConcurrentDictionary<(string, GrainId), Stored> _states = new();
    private long _lastETag;

    public Task ReadStateAsync<T>(string stateName, GrainId grainId, IGrainState<T> grainState)
    {
        if (_states.TryGetValue((stateName, grainId), out var stored))
        {
            grainState.State = CopierOf<T>.Copy((T)stored.State!);
            grainState.ETag = stored.ETag;
            grainState.RecordExists = true;
        }
        else
        {
            grainState.State = Activator.CreateInstance<T>();
            grainState.ETag = null;
            grainState.RecordExists = false;
        }

        return Task.CompletedTask;
    }

    public Task WriteStateAsync<T>(string stateName, GrainId grainId, IGrainState<T> grainState)
    {
        var next = new Stored(
            CopierOf<T>.Copy(grainState.State!),
            Interlocked.Increment(ref _lastETag).ToString(CultureInfo.InvariantCulture));
        _states.AddOrUpdate(
            (stateName, grainId),
            _ => grainState.ETag is null ? next : throw Inconsistent(stateName, grainId, null, grainState.ETag),
            (_, stored) => stored.ETag == grainState.ETag ? next : throw Inconsistent(stateName, grainId, stored.ETag, grainState.ETag));
        grainState.ETag = next.ETag;
        grainState.RecordExists = true;
        return Task.CompletedTask;
    }

    public Task ClearStateAsync<T>(string stateName, GrainId grainId, IGrainState<T> grainState)
    {
        if (_states.TryGetValue((stateName, grainId), out var stored)
            && (stored.ETag != grainState.ETag || !_states.TryRemove(new((stateName, grainId), stored))))
        {
            throw Inconsistent(stateName, grainId, stored.ETag, grainState.ETag);
        }

        grainState.State = Activator.CreateInstance<T>();
        grainState.ETag = null;
        grainState.RecordExists = false;
        return Task.CompletedTask;
    }

    private InconsistentStateException Inconsistent(string stateName, GrainId grainId, string? stored, string? current)
        => new($"Version mismatch of state {stateName} of {grainId} in storage {name}.", stored, current);

    private sealed record Stored(object? State, string ETag);
}
