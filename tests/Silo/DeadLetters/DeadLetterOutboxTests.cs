using Granary.Core;
using Granary.Core.Grains;
using Granary.Core.Links;
using Granary.Core.Topology;
using Granary.Silo.DeadLetters;
using Granary.Silo.Queues.Messages;
using Granary.Silo.Storage;
using Granary.Silo.Tests.Queues;
using Granary.Silo.Tests.Storage;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging.Abstractions;

namespace Granary.Silo.Tests.DeadLetters;

/// <summary>Dead messages of which only the store has the records.</summary>
public sealed class DeadLetterOutboxTests
{
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(60);

    [Fact]
    public async Task StoredMessages_AreReadBackAndSentInOrder_AndSaidToHaveArrived()
    {
        const int Count = 3_000;
        await using var silo = await TestSilo.StartAsync();
        var target = silo.Grains.GetGrain<IQueueGrain>(GrainKeys.For("/", "dead"));
        Assert.Null((await target.DeclareAsync(new QueueDeclaration(default, false, false, false, default, false))).Error);
        var store = new FakeStore();
        await using var commit = new GroupCommit(store, NullLogger<GroupCommit>.Instance, _ => { });
        var journal = new QueueJournal(commit, store.Create(new QueueIdentity("%2F/source", Guid.NewGuid()), 1), isNew: true);
        var arrived = 0;
        var outbox = new DeadLetterOutbox(
            silo.Services.GetRequiredService<DeadLetterOffice>(), "/", "source", runs => Interlocked.Add(ref arrived, runs.Sum(run => run.Count)));
        var waiting = new WaitingDead(journal);
        var rule = new DeadLetterRule("", "dead");
        for (var first = 0; first < Count; first += 100)
        {
            var batch = Batches.Of(first, 100, bodyLength: _ => 500, persistent: true);
            var run = new MessageRun(batch.Records, first, batch.Count, false, batch.Flags, 0);
            journal.Append(run);
            journal.EndTurn(first + 100, 0, isWaitedFor: false, []);

            // Some are in memory still, and the last of them are not even written yet.
            var isKept = first is >= 1_000 and < 1_200;
            outbox.Post([new DeadRun(isKept ? run : run.LetGo(), DeathReason.Expired, rule, waiting)]);
        }

        await using var link = await GrainLink.OpenAsync(silo.Grains, target, ConnectionId.New());
        await link.SendAsync(new AttachItem(1, "t", true, false, 0, false, default, new Window(long.MaxValue, long.MaxValue)));
        var ids = new List<long>();
        while (ids.Count < Count)
        {
            if (await link.Items.ReadAsync().AsTask().WaitAsync(Patience) is DeliveryItem delivery)
            {
                ids.AddRange(delivery.Slices.SelectMany(Batches.Ids));
            }
        }

        Assert.Equal(Enumerable.Range(0, Count).Select(id => (long)id), ids);
        Assert.True(SpinWait.SpinUntil(() => Volatile.Read(ref arrived) == Count, Patience));
    }
}
