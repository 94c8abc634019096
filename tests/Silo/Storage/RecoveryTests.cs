using Granary.Core.Links;
using Granary.Silo.Queues;
using Granary.Silo.Queues.Definition;
using Granary.Silo.Tests.Queues;

namespace Granary.Silo.Tests.Storage;

/// <summary>What becomes of deliveries, settlements and publishes of sessions whose activation is lost.</summary>
public sealed class RecoveryTests : IAsyncLifetime
{
    private readonly FakeStores _stores = new();
    private readonly SessionId _holder = SessionId.New();
    private readonly SessionId _other = SessionId.New();
    private TestGateway _gateway;

    public RecoveryTests() => _gateway = new TestGateway(_stores.Queues).Declare(durable: true);

    public Task InitializeAsync() => Task.CompletedTask;

    public async Task DisposeAsync() => await _stores.DisposeAsync();

    [Fact]
    public async Task Held_ByAConsumer_IsGivenToNobodyElseAndCanBeAcknowledged()
    {
        await FillAsync(6);
        await RestartAsync(_holder);
        var other = _gateway.Open(_other);
        other.Attach(1);
        Assert.Empty(other.GivenIds(1));

        var holder = _gateway.Open(_holder, Attach(7, prefetch: 4), new HoldItem(7, [new OffsetRange(0, 1), new OffsetRange(2, 2)]));

        Assert.Equal([(1L, true), (4L, false), (5L, false)], Redelivered(other.Items, holder.Items));
        holder.Settle(Settlement.Ack, (0, 1), (2, 2));
        other.Settle(Settlement.Ack, (0, 100));
        holder.Settle(Settlement.Ack, (1, 1), (4, 2));
        _gateway.Pump();
        Assert.Empty(_stores.Store.Offsets(_gateway.Queue.Storage!.Journal.Queue.Identity));
    }

    [Fact]
    public async Task Held_CountsAgainstThePrefetch()
    {
        await FillAsync(6);
        await RestartAsync(_holder);
        var holder = _gateway.Open(_holder, Attach(7, prefetch: 2), new HoldItem(7, [new OffsetRange(0, 2)]));
        Assert.Empty(holder.GivenIds(7));

        holder.Settle(Settlement.Ack, (0, 1));

        Assert.Equal([2L], holder.GivenIds(7));
    }

    [Fact]
    public async Task Settlement_SaidAgain_IsNotDeliveredOnceMore()
    {
        await FillAsync(4);
        await RestartAsync(_holder);

        var holder = _gateway.Open(
            _holder, Attach(7), new HoldItem(0, [new OffsetRange(0, 3)]), new SettleItem(Settlement.Ack, [new OffsetRange(0, 2)]),
            new SettleItem(Settlement.Requeue, [new OffsetRange(2, 1)]));

        Assert.Equal([(2L, true), (3L, true)], TestLink.Given(holder.Items, 7));
    }

    // Whoever gave it back is not told that the queue took that until there is something else to tell.
    [Theory]
    [InlineData(Settlement.Requeue, true)]
    [InlineData(Settlement.Requeue, false)]
    [InlineData(Settlement.Undelivered, true)]
    [InlineData(Settlement.Failed, true)]
    public async Task GivenBackAndGivenToAnother_SaidAgain_StaysWithTheOtherOne(Settlement settlement, bool returnerIsFirst)
    {
        await FillAsync(4);
        await RestartAsync(_holder, _other);
        TestLink returner, holder;
        if (returnerIsFirst)
        {
            returner = Returner();
            holder = Holder();
        }
        else
        {
            holder = Holder();
            returner = Returner();
        }

        Assert.Equal([(1L, true), (3L, true)], Redelivered(returner.Items, holder.Items));
        holder.Settle(Settlement.Ack, (0, 1), (2, 1));
        returner.Settle(Settlement.Ack, (0, 4));
        holder.Settle(Settlement.Ack, (1, 1), (3, 1));
        _gateway.Pump();
        Assert.Empty(_stores.Store.Offsets(_gateway.Queue.Storage!.Journal.Queue.Identity));

        TestLink Holder() => _gateway.Open(_holder, Attach(7), new HoldItem(7, [new OffsetRange(0, 1), new OffsetRange(2, 1)]));

        TestLink Returner() => _gateway.Open(_other, Attach(1), new HoldItem(0, [new OffsetRange(0, 4)]), SettleItem.Of(settlement, [new OffsetRange(0, 4)]));
    }

    // Its packet came late, or twice.
    [Fact]
    public async Task Held_SaidOverALinkThatWasGivenUpAndOverTheNext_IsGivenToNobodyElse()
    {
        await FillAsync(2);
        await RestartAsync(_holder, _other);
        _gateway.Open(_holder, 2, Attach(7), new HoldItem(7, [new OffsetRange(0, 2)]));
        var holder = _gateway.Open(_holder, 3, Attach(7), new HoldItem(7, [new OffsetRange(0, 2)]));

        var other = _gateway.Open(_other, Attach(1));

        Assert.Empty(Redelivered(other.Items, holder.Items));
        holder.Settle(Settlement.Ack, (0, 2));
        _gateway.Pump();
        Assert.Empty(_stores.Store.Offsets(_gateway.Queue.Storage!.Journal.Queue.Identity));
    }

    [Fact]
    public async Task Sessions_ThatHaveSaidWhatTheyHold_AreWaitedForByTheNextActivationToo()
    {
        await FillAsync(2);
        await RestartAsync(_holder, _other);
        Assert.Equal([_holder, _other], _gateway.Slot.Sessions.Order(Comparer<SessionId>.Create(Compare)));

        _gateway.Open(_holder, Attach(7), new HoldItem(7, [new OffsetRange(0, 1)]), new HoldItem(0, [new OffsetRange(1, 1)]));

        Assert.Equal([_holder, _other], _gateway.Slot.Sessions.Order(Comparer<SessionId>.Create(Compare)));
        Assert.Equal([_holder, _other], _gateway.Slot.SessionMembers.Select(static session => session.Session).Order(Comparer<SessionId>.Create(Compare)));

        int Compare(SessionId left, SessionId right) => left == right ? 0 : left == _holder ? -1 : 1;
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task FirstPacketOfALink_ThatAnEarlierActivationMayHaveTaken_IsRedelivered(bool isRestored)
    {
        if (isRestored)
        {
            await RestartAsync();
        }

        _gateway.IsRepeated = true;
        var publisher = _gateway.Open(
            _holder, new PublishItem(Batches.Of(0, 1), Resent: false) { Number = 1 },
            new PublishItem(Batches.Of(1, 1, persistent: true), Resent: false) { Number = 2 });
        publisher.Send(new PublishItem(Batches.Of(2, 1), Resent: false) { Number = 3 });
        _gateway.IsRepeated = false;
        var consumer = _gateway.Open(_other);
        consumer.Attach(1);

        Assert.Equal([(0L, isRestored), (1L, isRestored), (2L, false)], TestLink.Given(consumer.Items, 1));
    }

    [Fact]
    public async Task Sessions_ThatDoNotCome_AreWaitedForAWhile()
    {
        await FillAsync(2);
        await RestartAsync(_holder);
        var other = _gateway.Open(_other);
        other.Attach(1);
        Assert.Equal(_gateway.Now + Recovery.Patience, _gateway.Slot.NextDue);

        _gateway.Now += Recovery.Patience;
        _gateway.Slot.RunDue(_gateway.Now);
        _gateway.Pump();

        Assert.Equal([0L, 1L], other.GivenIds(1));
    }

    [Fact]
    public async Task Held_ByALinkThatClosesMeanwhile_IsAnybodys()
    {
        await FillAsync(2);
        await RestartAsync(_holder, _other);
        var holder = _gateway.Open(_holder, new HoldItem(0, [new OffsetRange(0, 1)]), new CloseItem());

        var other = _gateway.Open(_other, Attach(1));

        Assert.Contains(new ClosedItem(), holder.Items);
        Assert.Equal([(0L, true), (1L, true)], TestLink.Given(other.Items, 1));
    }

    [Fact]
    public async Task Batch_SentAgain_IsKnownToWhateverLinkOfItsSession()
    {
        var first = _gateway.Open(_holder);
        first.Send(new PublishItem(Batches.Of(0, 4, persistent: true), Resent: false) { Number = 1 });
        await RestartAsync();

        var next = _gateway.Open(
            _holder, new PublishItem(Batches.Of(0, 4, persistent: true), Resent: true) { Number = 1 },
            new PublishItem(Batches.Of(4, 1, persistent: true), Resent: true) { Number = 2 });

        Assert.Equal(5, _gateway.Queue.ReadyCount);
        var last = next.Items.OfType<PublishedItem>().Last();
        Assert.True(next.Watermark > last.FirstOffset);
    }

    [Fact]
    public void Link_ThatFollowsAnotherOfItsSession_TakesItsPlace()
    {
        var late = _gateway.Open(_holder, 1, Attach(7), new PublishItem(Batches.Of(0, 2, persistent: true), Resent: false) { Number = 1 });
        Assert.Equal([0L, 1L], late.GivenIds(7));

        var next = _gateway.Open(
            _holder, 2, Attach(7), new PublishItem(Batches.Of(0, 2, persistent: true), Resent: true) { Number = 1 },
            new PublishItem(Batches.Of(2, 1, persistent: true), Resent: true) { Number = 2 });

        Assert.Equal([0L, 1L, 2L], next.GivenIds(7));
        Assert.Equal(1, _gateway.Queue.ConsumerCount);
        Assert.True(next.Watermark > next.Items.OfType<PublishedItem>().Last().FirstOffset);
        Assert.Empty(_gateway.Open(_holder, 1, Attach(9)).Items);
        Assert.Equal(1, _gateway.Queue.ConsumerCount);
    }

    [Fact]
    public async Task Progress_OfASessionThatHasEnded_IsForgotten()
    {
        for (var i = 0; i < 50; i++)
        {
            var link = _gateway.Open();
            link.Send(new PublishItem(Batches.Of(i, 1, persistent: true), Resent: false) { Number = 1 });
            link.Send(new CloseItem());
            link.SendLast();
        }

        await RestartAsync();

        Assert.Empty(_gateway.Queue.Storage!.Backlog.Sessions);
    }

    [Fact]
    public async Task Progress_OfASessionThatNeverComesAgain_IsForgottenAfterAMinute()
    {
        _gateway.Open().Send(new PublishItem(Batches.Of(0, 1, persistent: true), Resent: false) { Number = 1 });
        await RestartAsync();
        Assert.Single(_gateway.Queue.Storage!.Backlog.Sessions);

        Assert.True(_gateway.Slot.NeedsTick);
        _gateway.Tick(1_000);
        _gateway.Tick(60_000);
        _gateway.Pump();
        Assert.False(_gateway.Slot.NeedsTick);

        await RestartAsync();
        Assert.Empty(_gateway.Queue.Storage!.Backlog.Sessions);
    }

    [Fact]
    public void Stored_IsSaidOnlyWhenTheSettlementIs()
    {
        var link = _gateway.Open(_holder);
        link.Send(new PublishItem(Batches.Of(0, 2, persistent: true), Resent: false) { Number = 1 });
        link.Attach(1);
        _gateway.Pump();
        var settled = link.Sent + 1;
        _stores.Store.Hold();
        _gateway.IsImpatient = true;
        link.Settle(Settlement.Ack, (0, 1));
        Assert.True(link.Stored.Up < settled);

        _stores.Store.Release();
        _gateway.IsImpatient = false;
        _gateway.Pump();
        link.Send(new GetItem(1, NoAck: true));
        Assert.True(link.Stored.Up >= settled);
    }

    private static AttachItem Attach(int consumer, int prefetch = 0) =>
        new(consumer, "t", false, false, prefetch, false, default, new Window(1_000_000, 1L << 40));

    private static IEnumerable<(long, bool)> Redelivered(params IEnumerable<LinkDownItem>[] items) =>
        items.SelectMany(some => some).OfType<DeliveryItem>().SelectMany(item => item.Slices)
            .SelectMany(slice => Batches.Ids(slice).Select(id => (id, slice.Redelivered))).Order();

    /// <summary>Messages that were delivered to one session, which is gone with its activation.</summary>
    private async Task FillAsync(int count)
    {
        var link = _gateway.Open(_holder);
        link.Send(new PublishItem(Batches.Of(0, count, persistent: true), Resent: false) { Number = 1 });
        link.Attach(7, prefetch: 4);
        Assert.Equal(Math.Min(count, 4), link.GivenIds(7).Length);
        _gateway.Pump();
        await _gateway.Queue.Storage!.Journal.FlushAsync();
    }

    private async Task RestartAsync(params SessionId[] sessions)
    {
        await _gateway.Queue.Storage!.Journal.FlushAsync();
        var identity = _gateway.Queue.Storage!.Journal.Queue.Identity;
        var definition = QueueDefinition.Stored("/", "q", _gateway.Queue.Definition.ToDeclaration());
        var storage = await _stores.Queues.TakeOverAsync(identity, TestGateway.Epoch, default);
        _gateway = new TestGateway(_stores.Queues);
        _gateway.Resumed.UnionWith(sessions);
        _gateway.Slot.Restore(definition, identity.Incarnation, [], storage, _gateway.Now, sessions, _gateway.Now);
        _gateway.Pump();
    }
}
