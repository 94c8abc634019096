using Granary.Core.Access;
using Granary.Core.Alarms;
using Granary.Core.Figures;
using Granary.Core.Storage;
using Granary.Silo.Access;
using Granary.Silo.Hosting.Cluster;
using Granary.Silo.Queues;
using Granary.Silo.Storage;
using Granary.Silo.Storage.Files;
using Granary.Silo.Storage.Memory;
using Granary.Silo.Storage.Postgres;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;

namespace Granary.Silo.Hosting;

/// <summary>
/// The store over the life of its host: open before anything else starts, and closed, with all that is left for it written, when everything else has stopped.
/// </summary>
internal sealed class StoreHome : IHostedLifecycleService, IAsyncDisposable, IStoreActivity, IMetricSource
{
    private readonly SemaphoreSlim _gate = new(1, 1);
    private readonly IMessageStore _store;
    private readonly PublisherAlarms _alarms;
    private readonly ILogger<GroupCommit> _log;
    private readonly TimeProvider _time;
    private readonly bool _keepsMessages;
    private readonly bool _isInCluster;
    private readonly TimeSpan _leisure;
    private readonly IMessageStore? _scratchStore;
    private readonly Func<Account?> _firstAccount;
    private readonly FirstVhost _firstVhost;
    private GroupCommit? _commit;
    private GroupCommit? _scratch;
    private QueueStores? _queues;
    private bool _isOpen;
    private bool _isClosed;

    public StoreHome(StoreOptions options, PublisherAlarms alarms, TimeProvider time, ILogger<GroupCommit> log, IServiceProvider services)
    {
        (_alarms, _time, _log) = (alarms, time, log);
        (_isInCluster, _leisure) = (options.IsInCluster, options.Leisure);
        var first = services.GetService<FirstAccount>();
        _firstAccount = () => first is null ? Account.Guest() : first.Account;
        _firstVhost = services.GetService<FirstVhost>() ?? new FirstVhost();
        var given = services.GetService<IMessageStore>();
        _store = given ?? Create(options, services);
        _keepsMessages = given is not null || options.Kind != StoreKind.Memory;
        _scratchStore = services.GetKeyedService<IMessageStore>(PublisherAlarm.Scratch) ?? CreateScratch(options, services);
    }

    /// <exception cref="InvalidOperationException">The store is not open.</exception>
    public GroupCommit Commit => Volatile.Read(ref _commit) ?? throw new InvalidOperationException("The store is not open.");

    /// <summary>Those whose health is the node's: of the store, and of the scratch log. Empty while it is not open.</summary>
    public IEnumerable<GroupCommit> Commits => new[] { Volatile.Read(ref _commit), Volatile.Read(ref _scratch) }.OfType<GroupCommit>();

    IEnumerable<ProcessMetric> IMetricSource.Metrics =>
        [.. Volatile.Read(ref _commit)?.Statistics.Metrics ?? [], .. _store is FileStore || _scratchStore is FileStore ? DiskCounts.Metrics : []];

    long IStoreActivity.Flushes => Volatile.Read(ref _commit)?.Statistics.Synced ?? 0;

    /// <exception cref="InvalidOperationException">The store is not open.</exception>
    public QueueStores Queues => Volatile.Read(ref _queues) ?? throw new InvalidOperationException("The store is not open.");

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
                if (_scratchStore is not null)
                {
                    await _scratchStore.OpenAsync(cancellation).ConfigureAwait(false);
                    _scratch = NewCommit(_scratchStore, PublisherAlarm.Scratch);
                }

                _isOpen = true;
                var commit = NewCommit(_store, PublisherAlarm.Store);
                Volatile.Write(ref _commit, commit);
                var budget = _keepsMessages
                    ? MemoryBudget.For(GC.GetGCMemoryInfo().TotalAvailableMemoryBytes)
                    : new MemoryBudget(long.MaxValue, long.MaxValue);
                Volatile.Write(
                    ref _queues,
                    new QueueStores(_keepsMessages ? _commit : null, _scratch, budget, _time.GetUtcNow().ToUnixTimeMilliseconds(), _isInCluster));
                await AccessRows.CreateAsync(commit, _firstAccount, _firstVhost, cancellation).ConfigureAwait(false);
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

    public Task StoppingAsync(CancellationToken cancellationToken)
    {
        if (Volatile.Read(ref _commit) is { } commit)
        {
            commit.IsLeaving = true;
        }

        return Task.CompletedTask;
    }

    public Task StopAsync(CancellationToken cancellationToken) => Task.CompletedTask;

    /// <summary>For a host that never got so far as to be stopped.</summary>
    public async ValueTask DisposeAsync()
    {
        await CloseAsync().ConfigureAwait(false);
        _gate.Dispose();
    }

    private static IMessageStore Create(StoreOptions options, IServiceProvider services) => options.Kind switch
    {
        StoreKind.Memory => new MemoryStore(),
        StoreKind.Files => new FileStore(
            new FileStoreOptions(options.Data?.FullName ?? throw new NotSupportedException("The store of files needs a folder.")) { Repair = options.Repair },
            services.GetRequiredService<ILogger<FileStore>>()),
        StoreKind.Postgres => new PostgresStore(
            new PostgresOptions(options.Connection ?? throw new NotSupportedException("The store in PostgreSQL needs a connection string."))
            {
                IsMember = options.IsInCluster,
                Silo = options.IsInCluster ? LossWatch.NameOf(services.GetRequiredService<ILocalSiloDetails>().SiloAddress) : null,
            },
            services.GetRequiredService<TimeProvider>(), services.GetRequiredService<ILogger<PostgresStore>>()),
        _ => throw new NotSupportedException($"There is no store of the kind '{options.Kind}'."),
    };

    private static FileStore? CreateScratch(StoreOptions options, IServiceProvider services) => options is { Kind: not StoreKind.Memory, Data: { } data }
        ? new FileStore(new FileStoreOptions(Path.Combine(data.FullName, "scratch")) { Scratch = true }, services.GetRequiredService<ILogger<FileStore>>())
        : null;

    /// <summary>Each has an alarm of its own: one that works again says nothing about the other.</summary>
    private GroupCommit NewCommit(IMessageStore store, PublisherAlarm alarm) =>
        new(store, _log, cannotWrite => _alarms.Set(alarm, isRaised: cannotWrite), _time) { Leisure = _leisure };

    private async Task CloseAsync()
    {
        if (_isClosed)
        {
            return;
        }

        _isClosed = true;
        foreach (var (commit, store) in new[] { (_commit, _store), (_scratch, _scratchStore) })
        {
            if (commit is not null)
            {
                await commit.DisposeAsync().ConfigureAwait(false);
            }

            if (store is not null)
            {
                await store.DisposeAsync().ConfigureAwait(false);
            }
        }
    }
}
