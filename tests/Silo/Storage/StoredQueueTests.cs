using Granary.Amqp;
using Granary.Core;
using Granary.Core.Links;
using Granary.Silo.Queues;
using Granary.Silo.Queues.Definition;
using Granary.Silo.Storage;
using Granary.Silo.Tests.Queues;
using Granary.Testing.Logs;

namespace Granary.Silo.Tests.Storage;

/// <summary>A durable queue and its store: what is written, what waits for it, and what is there after a crash.</summary>
public sealed class StoredQueueTests : IAsyncLifetime
{
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(20);

    private readonly FakeStore _store = new();
    private readonly WatchedLog _watched = new();
    private readonly List<bool> _cannotWrite = [];
    private readonly GroupCommit _commit;
    private readonly QueueStores _stores;
    private readonly TestGateway _gateway;

    public StoredQueueTests()
    {
        _commit = new GroupCommit(_store, _watched.LoggerOf<GroupCommit>(), _cannotWrite.Add);
        _stores = new QueueStores(_commit, null, new MemoryBudget(long.MaxValue, long.MaxValue));
        _gateway = new TestGateway(_stores).Declare(durable: true);
    }

    private QueueJournal Journal => _gateway.Queue.Storage!.Journal;

    private QueueIdentity Identity => Journal.Queue.Identity;

    public Task InitializeAsync() => Task.CompletedTask;

    public async Task DisposeAsync()
    {
        _store.Release();
        await _commit.DisposeAsync();
        _watched.Check();
    }

    [Fact]
    public void Publish_OfPersistentMessages_PassesTheWatermarkOnlyWhenTheyAreWritten()
    {
        var link = _gateway.Open();
        _store.Hold();
        _gateway.IsImpatient = true;
        Publish(link, 0, 3);
        Assert.Equal(0, link.Watermark);

        _store.Release();
        _gateway.IsImpatient = false;
        _gateway.Pump();
        Assert.Equal(3, link.Watermark);
        Assert.Equal([0, 1, 2], _store.Offsets(Identity));
    }

    [Fact]
    public void Publish_OfTransientMessages_WritesNothing()
    {
        var link = _gateway.Open();
        var before = _store.Flushes;
        link.Publish(0, 3);
        link.Attach(1);
        link.Settle(Settlement.Ack, (0, 3));
        Assert.Equal(3, link.Watermark);
        Assert.Equal(before, _store.Flushes);
    }

    [Fact]
    public void Settle_BeforeTheWrite_NeedsNone()
    {
        var link = _gateway.Open();
        link.Attach(1);
        _store.Hold();
        _gateway.IsImpatient = true;

        // The first flush is under way with one message; what follows gathers.
        Publish(link, 0, 1);
        WaitUntil(() => !Journal.IsGathered);
        Publish(link, 1, 5);
        link.Settle(Settlement.Ack, (0, 1), (2, 3));
        Assert.Equal(1, link.Watermark);

        _store.Release();
        _gateway.IsImpatient = false;
        _gateway.Pump();
        Assert.Equal(6, link.Watermark);
        Assert.Equal(3, _store.Written);
        Assert.Equal([1, 5], _store.Offsets(Identity));
    }

    [Fact]
    public void Settle_OfWhatIsBeingWritten_LetsTheWatermarkPassAndIsWrittenNext()
    {
        var link = _gateway.Open();
        link.Attach(1);
        _store.Hold();
        _gateway.IsImpatient = true;
        Publish(link, 0, 2);
        WaitUntil(() => !Journal.IsGathered);
        link.Settle(Settlement.Ack, (0, 2));
        _gateway.Slot.Advance(_gateway.Now);
        _gateway.DeliverPushes();
        Assert.Equal(2, link.Watermark);

        _store.Release();
        _gateway.IsImpatient = false;
        _gateway.Pump();
        Assert.Empty(_store.Offsets(Identity));
    }

    [Fact]
    public void StoreOutOfReach_HoldsConfirms_AndGoesOnByItself()
    {
        _watched.Expect(3301, 3302);
        var link = _gateway.Open();
        _store.Failures = 2;
        _gateway.IsImpatient = true;
        Publish(link, 0, 3);
        WaitUntil(() => _cannotWrite.Count > 0);
        Assert.Equal(0, link.Watermark);

        _gateway.IsImpatient = false;
        _gateway.Pump();
        Assert.Equal(3, link.Watermark);
        Assert.Equal([true, false], _cannotWrite);
    }

    [Fact]
    public async Task Recovery_GivesBackWhatWasNotSettled_RedeliveredOnlyWhereItWasDelivered()
    {
        var link = _gateway.Open();
        Publish(link, 0, 20);
        link.Publish(20, 5);
        Publish(link, 25, 5);
        link.Attach(1, prefetch: 10);

        // Under load the store would be told of more than was delivered; this is none.
        _gateway.Now += 2_000;
        link.Settle(Settlement.Ack, (0, 2), (3, 1));

        var again = await RestartAsync();
        Assert.Equal(22, again.Queue.ReadyCount);
        var other = again.Open();
        other.Attach(1);
        var expected = new long[] { 2, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18, 19, 25, 26, 27, 28, 29 };
        var given = TestLink.Given(other.Items, 1);
        Assert.Equal(expected, given.Select(message => message.Id));
        Assert.All(given, message => Assert.Equal(message.Id < 13, message.Redelivered));
    }

    [Fact]
    public async Task Recovery_WhenNothingWasDelivered_MarksNothing()
    {
        Publish(_gateway.Open(), 0, 4);
        var other = (await RestartAsync()).Open();
        other.Attach(1);
        Assert.Equal([(0L, false), (1L, false), (2L, false), (3L, false)], TestLink.Given(other.Items, 1));
    }

    [Fact]
    public async Task Recovery_AfterOneConsumerWithAPrefetch_MarksNoMoreThanItHeld()
    {
        var link = _gateway.Open();
        Publish(link, 0, 100);
        link.Attach(1, prefetch: 10);
        var other = (await RestartAsync()).Open();
        other.Attach(1);
        Assert.Equal(Enumerable.Range(0, 100).Select(id => ((long)id, id < 10)), TestLink.Given(other.Items, 1));
    }

    [Fact]
    public async Task BoundOfDelivery_SetBack_CountsBeforeTheStoreKnows()
    {
        Journal.EndTurn(0, delivered: 100, isWaitedFor: true, []);
        await Journal.FlushAsync();
        Assert.Equal(100, Journal.DeliveredBound);

        // Whatever were delivered beyond it from now on would be forgotten by the next flush.
        Journal.EndTurn(0, delivered: 10, isWaitedFor: false, []);
        Assert.Equal(10, Journal.DeliveredBound);
        await Journal.FlushAsync();
        Assert.Equal(10, Journal.DeliveredBound);
    }

    [Fact]
    public async Task Recovery_OfALimitInBytes_KnowsTheBodiesWithoutReadingThem()
    {
        var gateway = new TestGateway(_stores).Declare(
            durable: true, arguments: EncodedTable.From(FieldTable.Of(("x-max-length-bytes", 100), ("x-overflow", "reject-publish"))));
        var link = gateway.Open();
        link.Send(new PublishItem(Batches.Of(0, 3, persistent: true, bodyLength: _ => 25), Resent: false));
        Assert.Null(Assert.IsType<PublishedItem>(link.Items[^1]).Refused);
        var identity = gateway.Queue.Storage!.Journal.Queue.Identity;
        var storage = await _stores.TakeOverAsync(identity, TestGateway.Epoch, default);
        var again = new TestGateway(_stores) { IsImpatient = true };
        again.Slot.Restore(QueueDefinition.Stored("/", "q", gateway.Queue.Definition.ToDeclaration()), identity.Incarnation, [], storage, again.Now, [], again.Now);

        var next = again.Open();
        next.Send(new PublishItem(Batches.Of(3, 2, persistent: true, bodyLength: _ => 25), Resent: false));
        Assert.Equal([1], Assert.Single(next.Items.OfType<PublishedItem>()).Refused!);
        Assert.Equal(0, _store.Reads);
    }

    [Fact]
    public async Task Recovery_NeverGivesAnOffsetTwice()
    {
        var link = _gateway.Open();
        Publish(link, 0, 3);
        link.Publish(3, 3);
        var answer = (await RestartAsync()).Open().Publish(0, 1).OfType<PublishedItem>().Single();
        Assert.True(answer.FirstOffset >= 6);
    }

    [Fact]
    public async Task Recovery_RecognizesABatchThatIsSentAgain()
    {
        var link = _gateway.Open();
        var packet = link.Packet(2, new PublishItem(Batches.Of(0, 4, persistent: true), Resent: false) { Number = 1 });
        _gateway.Slot.Send(packet, _gateway.Now);
        await Journal.FlushAsync();

        var again = await RestartAsync();
        var answers = new List<LinkDown>();
        answers.AddRange(again.Slot.Send(link.Packet(1), again.Now).Downs ?? []);
        answers.AddRange(again.Slot.Send(link.Packet(2, new PublishItem(Batches.Of(0, 4, persistent: true), Resent: true) { Number = 1 }), again.Now).Downs ?? []);
        var published = answers.SelectMany(down => down.Items).OfType<PublishedItem>().Single();
        Assert.True(published.FirstOffset + 4 <= answers[^1].Watermark);
        Assert.Equal(4, again.Queue.ReadyCount);
    }

    [Fact]
    public void Get_OfAStoredMessage_WaitsUntilTheStoreKnows()
    {
        var link = _gateway.Open();
        Publish(link, 0, 2);
        _store.Hold();
        _gateway.IsImpatient = true;
        Assert.Empty(link.Send(new GetItem(1, NoAck: false)));

        _store.Release();
        _gateway.IsImpatient = false;
        _gateway.Pump();
        Assert.Equal(1, Assert.Single(link.Items.OfType<GotItem>()).Request);
    }

    [Fact]
    public void Loan_ForStoredMessages_IsUsedWhenTheStoreKnowsAndNotOfferedAgainMeanwhile()
    {
        var link = _gateway.Open();
        Publish(link, 0, 5);
        Assert.Equal(new ReadyItem(1), link.Attach(1, shared: true)[^1]);
        _store.Hold();
        _gateway.IsImpatient = true;
        Assert.Empty(link.Send(new LendItem(1, 3)));
        Assert.Empty(link.Send());

        var before = link.Items.Count;
        _store.Release();
        _gateway.IsImpatient = false;
        _gateway.Pump();
        Assert.Equal([0, 1, 2], link.GivenIds(1));
        Assert.Equal(new ReadyItem(1), Assert.Single(link.Items.Skip(before), item => item is not DeliveryItem));
    }

    [Fact]
    public void Loan_ForMessagesThatAreGoneBeforeTheStoreKnows_IsGivenBack()
    {
        var link = _gateway.Open();
        Publish(link, 0, 5);
        link.Attach(1, shared: true);
        _store.Hold();
        _gateway.IsImpatient = true;
        link.Send(new LendItem(1, 3));
        Assert.Equal(5, _gateway.Slot.Purge(_gateway.Connection, _gateway.Now).Messages);
        _gateway.DeliverPushes();
        Assert.Equal(new UnusedItem(1, 3), link.Items[^1]);
    }

    [Fact]
    public async Task Fenced_ConfirmsNothingMore()
    {
        var link = _gateway.Open();
        await _store.TakeOverAsync(Identity, 0, default);
        Publish(link, 0, 3);
        Assert.True(Journal.IsFenced);
        Assert.Equal(0, link.Watermark);
        Assert.Empty(_store.Offsets(Identity));
    }

    [Fact]
    public async Task Delete_LeavesNothingInTheStore()
    {
        var identity = Identity;
        var journal = Journal;
        Publish(_gateway.Open(), 0, 3);
        _gateway.Delete();
        await journal.FlushAsync().WaitAsync(Patience);
        Assert.Empty(_store.Offsets(identity));
    }

    [Fact]
    public void Declare_AfterADeletion_ConfirmsFromItsOwnFirstMessageOn()
    {
        Publish(_gateway.Open(), 0, 100);
        _gateway.Delete();
        _gateway.Declare(durable: true);
        var link = _gateway.Open();
        _store.Hold();
        _gateway.IsImpatient = true;
        Publish(link, 0, 3);
        Assert.Equal(0, link.Watermark);

        _store.Release();
        _gateway.IsImpatient = false;
        _gateway.Pump();
        Assert.Equal(3, link.Watermark);
    }

    [Fact]
    public void Expires_DeletesAnUnusedQueue_AndUseStartsTheTimeAnew()
    {
        var gateway = new TestGateway().Declare(arguments: EncodedTable.From(FieldTable.Of(("x-expires", 1_000))));
        Assert.Equal(1_000, gateway.Slot.NextDue);
        gateway.Slot.Describe(gateway.Connection, 500);
        gateway.Slot.RunDue(1_000);
        Assert.NotNull(gateway.Slot.Queue);
        Assert.Equal(1_500, gateway.Slot.NextDue);

        var link = gateway.Open();
        link.Attach(1);
        Assert.Equal(long.MaxValue, gateway.Slot.NextDue);
        gateway.Now = 5_000;
        link.Send(new DetachItem(1));
        Assert.Equal(6_000, gateway.Slot.NextDue);
        gateway.Slot.RunDue(6_000);
        Assert.Null(gateway.Slot.Queue);
    }

    private static void Publish(TestLink link, long first, int count) =>
        link.Send(new PublishItem(Batches.Of(first, count, persistent: true), Resent: false));

    private static void WaitUntil(Func<bool> condition) => Assert.True(SpinWait.SpinUntil(condition, Patience));

    /// <summary>What another activation finds.</summary>
    private async Task<TestGateway> RestartAsync()
    {
        var storage = await _stores.TakeOverAsync(Identity, TestGateway.Epoch, default);
        var gateway = new TestGateway(_stores);
        var definition = QueueDefinition.Stored("/", "q", _gateway.Queue.Definition.ToDeclaration());
        gateway.Slot.Restore(definition, Identity.Incarnation, [], storage, gateway.Now, [], gateway.Now);
        gateway.Pump();
        return gateway;
    }
}
