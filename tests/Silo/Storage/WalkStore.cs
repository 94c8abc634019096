using Granary.Core.Links;
using Granary.Silo.Hosting;
using Granary.Silo.Queues;
using Granary.Silo.Queues.Definition;
using Granary.Silo.Storage;
using Granary.Silo.Storage.Files;
using Granary.Silo.Storage.Postgres;
using Granary.Silo.Tests.Queues;
using Granary.Testing.Postgres;
using Microsoft.Extensions.Logging.Abstractions;

namespace Granary.Silo.Tests.Storage;

/// <summary>A store of a test's own, in memory, on files or on PostgreSQL, that begins anew as often as a walk does; and what follows when a queue's activation is lost.</summary>
/// <param name="prefix">Of its folder's name.</param>
internal sealed class WalkStore(string prefix) : IAsyncDisposable
{
    private readonly DirectoryInfo _folder = Directory.CreateTempSubdirectory(prefix);
    private GroupCommit? _commit;
    private string? _database;

    /// <summary>Since it last began.</summary>
    public QueueStores Queues { get; private set; } = null!;

    public IMessageStore Store => _commit!.Store;

    /// <param name="budget">So many bytes of messages stay in memory.</param>
    public async Task<QueueStores> BeginAsync(StoreKind kind, long budget)
    {
        await EndAsync();
        IMessageStore store = kind switch
        {
            StoreKind.Files => new FileStore(new FileStoreOptions(Path.Combine(_folder.FullName, "store")), NullLogger<FileStore>.Instance),
            StoreKind.Postgres => await OpenDatabaseAsync(),
            _ => new FakeStore(),
        };
        await store.OpenAsync(CancellationToken.None);
        _commit = new GroupCommit(store, NullLogger<GroupCommit>.Instance, _ => { });
        return Queues = new QueueStores(_commit, null, new MemoryBudget(budget, long.MaxValue));
    }

    /// <summary>The queue as the store has it.</summary>
    /// <param name="sessions">That may have something of it.</param>
    public async Task<(TestGateway Gateway, QueueStorage Storage)> TakeOverAsync(TestGateway before, SessionId[] sessions)
    {
        var journal = before.Queue.Storage!.Journal;
        await journal.FlushAsync();
        var identity = journal.Queue.Identity;
        var definition = QueueDefinition.Stored("/", "q", before.Queue.Definition.ToDeclaration());
        var storage = (await Queues.TakeOverAsync(identity, TestGateway.Epoch, default))!;
        if (definition.Settings.Priorities is { } priorities)
        {
            storage = await Queues.ReadPrioritiesAsync(storage, priorities, default);
        }

        var gateway = new TestGateway(Queues) { Now = before.Now };
        gateway.Resumed.UnionWith(sessions);
        gateway.Slot.Restore(definition, identity.Incarnation, [], storage, before.Now, sessions, before.Now);
        return (gateway, storage);
    }

    /// <summary>One database is enough: no queue has anything of another one's.</summary>
    private async Task<PostgresStore> OpenDatabaseAsync()
    {
        _database ??= await (await PostgresServer.SharedAsync()).CreateDatabaseAsync();
        return new PostgresStore(new PostgresOptions(_database), TimeProvider.System, NullLogger<PostgresStore>.Instance);
    }

    public async ValueTask DisposeAsync()
    {
        await EndAsync();
        _folder.Delete(recursive: true);
    }

    private async Task EndAsync()
    {
        if (_commit is not null)
        {
            await _commit.DisposeAsync();
            await _commit.Store.DisposeAsync();
            _commit = null;
            _folder.GetDirectories().SingleOrDefault()?.Delete(recursive: true);
        }
    }
}
