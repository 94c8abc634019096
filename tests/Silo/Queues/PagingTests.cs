using Granary.Silo.Queues.Definition;
using Granary.Silo.Queues.Messages;

namespace Granary.Silo.Tests.Queues;

/// <summary>What of the ready messages is given up, and when.</summary>
public sealed class PagingTests
{
    /// <summary>Transient messages are stored for that first. How long the head is that stays in memory depends on how much memory there is at the time.</summary>
    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public void TransientMessages_UnderABudgetThatShrinks_AreGivenUpOnlyWhenTheyWereStored(bool hasPriorities)
    {
        const int Messages = 60;
        IReadyMessages ready = hasPriorities ? new PriorityMessages(countsBodies: false, new PriorityRule(1)) : new ReadyMessages(countsBodies: false);
        for (var i = 0; i < Messages; i++)
        {
            var batch = Batches.Of(i, 1, bodyLength: static _ => 10_000, priority: static id => (byte)(id % 2));
            ready.Append(new MessageRun(batch.Records, i, 1, Redelivered: false, batch.Flags, Since: 0));
            ready.EndTurn();
        }

        List<MessageRun> copies = [];
        foreach (var budget in (ReadOnlySpan<long>)[500_000, 400_000, 300_000, 100_000, 1_000, 1_000])
        {
            var stored = new HashSet<long>(copies.Select(static run => run.First));
            ready.PageOut(budget, storedEnd: Messages, isDurable: false, redeliveredBelow: 0, copies);
            List<MessageRun> loaded = [];
            ready.AddLoaded(loaded);
            var inMemory = loaded.Select(static run => run.First).ToHashSet();
            Assert.All(Enumerable.Range(0, Messages), id => Assert.True(inMemory.Contains(id) || stored.Contains(id), $"Message {id} is nowhere."));
            Assert.Equal(copies.Count, copies.Select(static run => run.First).Distinct().Count());
        }

        Assert.True(ready.PagedCount > 0);
    }
}
