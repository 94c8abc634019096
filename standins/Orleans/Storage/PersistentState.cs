using Orleans.Runtime;
using Orleans.Storage;

namespace Orleans.StandIn;

/// <summary>One state of one activation, between the grain and its storage.</summary>
internal sealed class PersistentState<T>(string name, GrainId grainId, IGrainStorage storage) : IPersistentState<T>
{
    private readonly GrainState<T> _held = new();
    private bool _loaded;

    public T State
    {
        get
        {
            if (!_loaded)
            {
                throw new InvalidOperationException("State has not yet been loaded.");
            }

            return _held.State!;
        }
        set
        {
            _loaded = true;
            _held.State = value;
        }
    }

    public string? Etag => _held.ETag;

    public bool RecordExists => _held.RecordExists;

    public Task ReadStateAsync() => ReadStateAsync(default);

    public Task WriteStateAsync() => WriteStateAsync(default);

    public Task ClearStateAsync() => ClearStateAsync(default);

    public async Task ReadStateAsync(CancellationToken cancellationToken)
    {
        await GuardAsync(() => storage.ReadStateAsync(name, grainId, _held, cancellationToken), "read", cancellationToken);
        _held.State ??= Activator.CreateInstance<T>();
        _loaded = true;
    }

    public Task WriteStateAsync(CancellationToken cancellationToken)
        => GuardAsync(() => storage.WriteStateAsync(name, grainId, _held, cancellationToken), "write", cancellationToken);

    public async Task ClearStateAsync(CancellationToken cancellationToken)
    {
        await GuardAsync(() => storage.ClearStateAsync(name, grainId, _held, cancellationToken), "clear", cancellationToken);
        _held.State ??= Activator.CreateInstance<T>();
    }

    private async Task GuardAsync(Func<Task> operation, string verb, CancellationToken cancellationToken)
    {
        try
        {
            await operation();
        }
        catch (Exception exception) when (exception is not OrleansException
            && !(exception is OperationCanceledException && cancellationToken.IsCancellationRequested))
        {
            throw new OrleansException($"Failed to {verb} state {name} of grain {grainId}: {exception.Message}", exception);
        }
    }
}
