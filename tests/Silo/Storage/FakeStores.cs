using Granary.Silo.Queues;
using Granary.Silo.Storage;
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

    public async ValueTask DisposeAsync()
    {
        Store.Release();
        await _commit.DisposeAsync();
    }
}
