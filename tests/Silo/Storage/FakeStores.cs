using Granary.Silo.Queues;
using Granary.Silo.Storage;
using Granary.Silo.Tests.Queues;
using Microsoft.Extensions.Logging.Abstractions;

namespace Granary.Silo.Tests.Storage;

/// <summary>Where queues under test are stored: a <see cref="FakeStore"/>, and what writes to it.</summary>
internal sealed class FakeStores : IAsyncDisposable
{
    private readonly GroupCommit _commit;

    public FakeStores(bool isInCluster = false, MemoryBudget? budget = null)
    {
        _commit = new GroupCommit(Store, NullLogger<GroupCommit>.Instance, _ => { });
        Queues = new QueueStores(_commit, null, budget ?? new MemoryBudget(long.MaxValue, long.MaxValue), isInCluster: isInCluster);
    }

    public FakeStore Store { get; } = new();

    public QueueStores Queues { get; }

    /// <summary>Where a queue that is not durable leaves what it has.</summary>
    public QueueJournal Borrow(QueueIdentity identity) => new(_commit, Store.Create(identity, TestGateway.Epoch), isNew: true);

    public async ValueTask DisposeAsync()
    {
        Store.Release();
        await _commit.DisposeAsync();
    }
}
