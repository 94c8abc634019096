using Granary.Core.Alarms;
using Granary.Silo.Storage;
using Granary.Silo.Storage.Memory;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;

namespace Granary.Silo.Hosting;

/// <summary>
/// The store over the life of its host: open before anything else starts, and closed, with all that is left for it written, when everything else has stopped.
/// </summary>
internal sealed class StoreHome : IHostedLifecycleService, IAsyncDisposable
{
    private readonly SemaphoreSlim _gate = new(1, 1);
    private readonly IMessageStore _store;
    private readonly PublisherAlarms _alarms;
    private readonly ILogger<GroupCommit> _log;
    private GroupCommit? _commit;
    private bool _isOpen;
    private bool _isClosed;

    public StoreHome(StoreOptions options, PublisherAlarms alarms, ILogger<GroupCommit> log, IServiceProvider services)
    {
        _store = services.GetService<IMessageStore>() ?? Create(options);
        (_alarms, _log) = (alarms, log);
    }

    /// <exception cref="InvalidOperationException">The store is not open.</exception>
    public GroupCommit Commit => Volatile.Read(ref _commit) ?? throw new InvalidOperationException("The store is not open.");

    /// <exception cref="StoreException">The store must not be used as it is.</exception>
    /// <exception cref="StoreUnavailableException">The store is out of reach.</exception>
    public async Task OpenAsync(CancellationToken cancellation)
    {
        await _gate.WaitAsync(cancellation).ConfigureAwait(false);
        try
        {
            if (!_isOpen)
            {
                await _store.OpenAsync(cancellation).ConfigureAwait(false);
                _isOpen = true;
                Volatile.Write(ref _commit, new GroupCommit(_store, _log, trouble => _alarms.Set(PublisherAlarm.Store, isRaised: trouble is not null)));
            }
        }
        finally
        {
            _gate.Release();
        }
    }

    public Task StartingAsync(CancellationToken cancellationToken) => OpenAsync(cancellationToken);

    public Task StoppedAsync(CancellationToken cancellationToken) => CloseAsync();

    public Task StartAsync(CancellationToken cancellationToken) => Task.CompletedTask;

    public Task StartedAsync(CancellationToken cancellationToken) => Task.CompletedTask;

    public Task StoppingAsync(CancellationToken cancellationToken) => Task.CompletedTask;

    public Task StopAsync(CancellationToken cancellationToken) => Task.CompletedTask;

    /// <summary>For a host that never got so far as to be stopped.</summary>
    public async ValueTask DisposeAsync()
    {
        await CloseAsync().ConfigureAwait(false);
        _gate.Dispose();
    }

    private static IMessageStore Create(StoreOptions options) => options.Kind switch
    {
        StoreKind.Memory => new MemoryStore(),
        _ => throw new NotSupportedException($"This version has no store of the kind '{options.Kind.ToString().ToLowerInvariant()}'."),
    };

    private async Task CloseAsync()
    {
        if (_isClosed)
        {
            return;
        }

        _isClosed = true;
        if (_commit is not null)
        {
            await _commit.DisposeAsync().ConfigureAwait(false);
        }

        await _store.DisposeAsync().ConfigureAwait(false);
    }
}
