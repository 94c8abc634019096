using Granary.Amqp;
using Granary.Core;
using Granary.Core.Links;
using Granary.Core.Messages;
using Granary.Silo.Queues;
using Granary.Silo.Queues.Messages;
using Granary.Silo.Storage;
using Granary.Silo.Tests.Storage;
using Microsoft.Extensions.Logging.Abstractions;

namespace Granary.Silo.Tests.Queues;

/// <summary>What is delivered and not settled, beyond what may be in memory.</summary>
public sealed class UnackedMemoryTests : IAsyncLifetime
{
    private const int Budget = 2_000;
    private const int Count = 1_000;

    private readonly FakeStore _store = new();
    private readonly GroupCommit _commit;
    private readonly TestGateway _gateway;

    public UnackedMemoryTests()
    {
        _commit = new GroupCommit(_store, NullLogger<GroupCommit>.Instance, _ => { });
        _gateway = new TestGateway(new QueueStores(_commit, _commit, new MemoryBudget(Budget, long.MaxValue)));
    }

    public Task InitializeAsync() => Task.CompletedTask;

    public async Task DisposeAsync()
    {
        _store.Release();
        await _commit.DisposeAsync();
    }

    /// <summary>Durable or not, persistent or not, and published one at a time or many at once.</summary>
    public static TheoryData<bool, bool, int> Kinds => new MatrixTheoryData();

    [Theory]
    [MemberData(nameof(Kinds))]
    public void Deliveries_BeyondTheBudget_AreInTheStoreOnlyAndComeBackInOrder(bool durable, bool persistent, int atOnce)
    {
        _gateway.Declare(durable: durable);
        var link = Deliver(persistent, atOnce);
        Assert.InRange(_gateway.Queue.UnackedMemory, 0, Budget);

        link.Settle(Settlement.Ack, (3, 10), (500, 1));
        link.Send(new DetachItem(1), new SettleItem(Settlement.Undelivered, [new OffsetRange(900, 50)]), new SettleItem(Settlement.Requeue, [new OffsetRange(0, Count)]));
        Assert.Equal((Count - 11, (Count - 11) * Batches.Of(0, 1).Records.Length), (_gateway.Queue.ReadyCount, _gateway.Queue.ReadyBytes));
        Assert.InRange(_gateway.Queue.Figures.ReadyBytes.InMemory, 0, Budget + ReadyMessages.LargestHead);
        var other = _gateway.Open();
        other.Attach(1, noAck: true);
        Assert.Equal(
            Enumerable.Range(0, Count).Where(id => id is (< 3 or >= 13) and not 500).Select(id => ((long)id, id is < 900 or >= 950)), TestLink.Given(other.Items, 1));
        Assert.Equal((0, 0, 0), (_gateway.Queue.ReadyCount, _gateway.Queue.ReadyBytes, _gateway.Queue.UnackedMemory));
        Assert.Empty(_store.Offsets(_gateway.Queue.Storage!.Journal.Queue.Identity));
    }

    [Theory]
    [InlineData(false, false)]
    [InlineData(true, false)]
    [InlineData(true, true)]
    public void Deliveries_ThatTheStoreDoesNotHaveYet_StayInMemory(bool durable, bool persistent)
    {
        _gateway.Declare(durable: durable);
        _store.Hold();
        _gateway.IsImpatient = true;
        var link = Deliver(persistent, atOnce: 50);
        link.Send();
        link.Send();
        Assert.True(_gateway.Queue.UnackedMemory > Count * 20);

        _store.Release();
        _gateway.IsImpatient = false;
        _gateway.Pump();
        Assert.InRange(_gateway.Queue.UnackedMemory, 0, Budget);
    }

    [Fact]
    public void Deliveries_RejectedWhenOnlyTheStoreHasThem_AreDeadLettersThatAreReadFromThere()
    {
        _gateway.Declare(durable: true, arguments: EncodedTable.From(FieldTable.Of(("x-dead-letter-exchange", ""))));
        var link = Deliver(persistent: true, atOnce: 50);
        link.Settle(Settlement.Reject, (0, Count));
        var offsets = new List<long>();
        foreach (var dead in _gateway.Slot.Dead)
        {
            Assert.True(dead.Run.IsLoaded || dead.Waiting is not null);
            offsets.AddRange(Enumerable.Range((int)dead.Run.First, dead.Run.Count).Select(offset => (long)offset));
        }

        Assert.Contains(_gateway.Slot.Dead, dead => !dead.Run.IsLoaded);
        Assert.Equal(Enumerable.Range(0, Count).Select(offset => (long)offset), offsets.Order());
        Assert.Equal(Count, _store.Offsets(_gateway.Queue.Storage!.Journal.Queue.Identity).Length);
    }

    [Fact]
    public void DeadMessages_BeyondWhatMayWaitInMemory_WaitInTheStore()
    {
        // 20 MB of which each step brings some back from the store, to expire.
        _gateway.Declare(durable: true, arguments: EncodedTable.From(FieldTable.Of(("x-dead-letter-exchange", ""), ("x-message-ttl", 1_000))));
        var link = _gateway.Open();
        for (var i = 0; i < 200; i++)
        {
            link.Send(new PublishItem(Batches.Of(i * 10, 10, persistent: i % 2 == 0, bodyLength: _ => 10_000), Resent: false));
        }

        _gateway.Now += 2_000;
        _gateway.Pump();
        Assert.Equal(2_000, _gateway.Slot.Dead.Sum(dead => dead.Run.Count));
        Assert.InRange(_gateway.Slot.Dead.Sum(dead => (long)dead.Run.Length), 1, 5_000_000);
        Assert.Equal(0, _gateway.Queue.ReadyCount);
        _gateway.Pump();
        var stored = _store.Offsets(_gateway.Queue.Storage!.Journal.Queue.Identity);
        Assert.All(_gateway.Slot.Dead.Where(dead => !dead.Run.IsLoaded), dead => Assert.Contains(dead.Run.First, stored));
    }

    /// <summary>What is kept is in proportion to what is not settled, not to what was ever delivered.</summary>
    [Fact]
    public void Runs_ThatAreTakenInWhileTheFirstOnesAreSettled_CostNoMoreThanWhatIsLeft()
    {
        const int AtOnce = 100;
        const int Held = 10;
        var records = Batches.Of(0, AtOnce).Records;
        var all = Unread(0);
        var returned = all.Run;
        var before = 0L;
        for (var i = 1; i < 20_000; i++)
        {
            Assert.True(all.TryTakeIn(Unread(i)));
            if (i >= Held)
            {
                Assert.Equal(AtOnce, all.Settle((i - Held) * AtOnce, (i - Held + 1) * AtOnce, live: null, gone: null));
            }

            Assert.Equal((all.End - all.First, all.End), (all.Live, (i + 1) * AtOnce));
            before = i == 1_000 ? GC.GetTotalMemory(forceFullCollection: true) : before;
        }

        Assert.InRange(all.Run.Count, all.Live, all.Live + (2 * AtOnce));
        Assert.InRange(GC.GetTotalMemory(forceFullCollection: true) - before, long.MinValue, 4_000_000);
        var (bytes, bodies) = all.Run.Size();
        Assert.Equal((all.Run.Count * records.Length / AtOnce, all.Run.Count * sizeof(long)), (bytes, bodies));
        Assert.Equal((records.Length, AtOnce * sizeof(long)), returned.Size());

        UnackedRun Unread(long number)
        {
            var run = new UnackedRun(new MessageRun(records, number * AtOnce, AtOnce, Redelivered: false, MessageFlags.Persistent, Since: 0), consumer: null);
            run.LetGo();
            return run;
        }
    }

    private TestLink Deliver(bool persistent, int atOnce)
    {
        var link = _gateway.Open();
        link.Attach(1);
        for (var first = 0; first < Count; first += atOnce)
        {
            link.Send(new PublishItem(Batches.Of(first, atOnce, persistent: persistent), Resent: false));
        }

        Assert.Equal(Count, link.GivenIds(1).Length);
        return link;
    }

    private sealed class MatrixTheoryData : TheoryData<bool, bool, int>
    {
        public MatrixTheoryData()
        {
            foreach (var durable in new[] { false, true })
            {
                foreach (var persistent in new[] { false, true })
                {
                    Add(durable, persistent, 1);
                    Add(durable, persistent, 50);
                }
            }
        }
    }
}
