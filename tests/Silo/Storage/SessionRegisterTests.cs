using Granary.Amqp;
using Granary.Core;
using Granary.Core.Links;
using Granary.Silo.Queues;
using Granary.Silo.Queues.Definition;
using Granary.Silo.Tests.Queues;

namespace Granary.Silo.Tests.Storage;

/// <summary>In a cluster: whom a durable queue gives something is stored first, and an activation on another silo waits for them.</summary>
public sealed class SessionRegisterTests : IAsyncLifetime
{
    private const string Member = "there";

    private readonly FakeStores _stores = new(isInCluster: true);
    private readonly SessionId _holder = SessionId.New();
    private readonly SessionId _other = SessionId.New();
    private TestGateway _gateway;

    public SessionRegisterTests() => _gateway = new TestGateway(_stores.Queues, new SessionRegister()).Declare(durable: true);

    private SessionRegister Register => _gateway.Slot.Register!;

    public Task InitializeAsync() => Task.CompletedTask;

    public async Task DisposeAsync() => await _stores.DisposeAsync();

    [Fact]
    public void Consumer_OfASessionThatTheStoreDoesNotKnow_IsGivenNothingBeforeItDoes()
    {
        var link = _gateway.Open(_holder);
        link.Send(new PublishItem(Batches.Of(0, 2, persistent: true), Resent: false) { Number = 1 });
        link.Attach(1);
        _gateway.Pump();
        Assert.Empty(link.GivenIds(1));
        Assert.Equal([_holder], Register.Unwritten.Keys);

        NoteAll();

        Assert.Equal([0L, 1L], link.GivenIds(1));
        link.Attach(2);
        Assert.False(Register.HasChanges);
    }

    [Fact]
    public void Publisher_IsNotWrittenDown()
    {
        var link = _gateway.Open(_holder);
        link.Send(new PublishItem(Batches.Of(0, 1, persistent: true), Resent: false) { Number = 1 });

        Assert.Single(link.Items.OfType<PublishedItem>());
        Assert.False(Register.HasChanges);
    }

    [Fact]
    public void Session_ThatIsClosed_IsOver()
    {
        var link = _gateway.Open(_holder);
        link.Attach(1);
        NoteAll();

        link.Send(new CloseItem());

        Assert.Equal([_holder], Register.Over);
    }

    [Fact]
    public void Queue_ThatIsDeleted_LeavesNoSessions()
    {
        var link = _gateway.Open(_holder);
        link.Attach(1);
        NoteAll();

        _gateway.Delete();

        Assert.Equal([_holder], Register.Over);
    }

    [Fact]
    public void Session_WhoseMemberGoesWhileItIsWrittenDown_IsGivenNothingAndIsOver()
    {
        var link = _gateway.Open(ConnectionId.New(Member));
        link.Attach(1);
        var session = Assert.Single(Register.Unwritten).Key;

        _gateway.Slot.LetGo(Member, _gateway.Now);
        NoteAll();

        Assert.Equal(0, _gateway.Queue.ConsumerCount);
        Assert.Equal([session], Register.Over);
    }

    [Fact]
    public void Session_WhoseFirstPacketWaitsWhenItsMemberGoes_IsNotLetIn()
    {
        _gateway.Open(ConnectionId.New(Member), new AttachItem(1, "t", false, false, 0, false, default, new Window(1_000_000, 1L << 40)));
        Assert.Single(Register.Unwritten);

        _gateway.Slot.LetGo(Member, _gateway.Now);
        NoteAll();

        Assert.Equal(0, _gateway.Queue.ConsumerCount);
        Assert.Single(Register.Over);
    }

    // What closed it may have come while the store was out of reach.
    [Fact]
    public void Session_ThatIsClosedWhileItIsWrittenDown_LeavesNoConsumer()
    {
        var link = _gateway.Open(_holder, new AttachItem(1, "t", false, false, 0, false, default, new Window(1_000_000, 1L << 40)));
        link.SendAhead(new CloseItem());

        NoteAll();

        Assert.Equal(0, _gateway.Queue.ConsumerCount);
        Assert.Equal([_holder], Register.Over);
    }

    [Fact]
    public async Task TakenOver_SessionsThatHaveNotComeYet_AreHandedOnWithTheirMember()
    {
        await FillAsync();
        await TakeOverAsync();

        Assert.Equal((_holder, Member), Assert.Single(_gateway.Slot.SessionMembers));
    }

    [Fact]
    public async Task TakenOver_WhileASessionIsWaitedFor_GivesNothingButTakesWhatIsPublished()
    {
        await FillAsync();
        await TakeOverAsync();
        var other = _gateway.Open(_other);

        other.Send(new PublishItem(Batches.Of(2, 1, persistent: true), Resent: false) { Number = 1 });
        other.Attach(1);
        NoteAll();
        Assert.Single(other.Items.OfType<PublishedItem>());
        Assert.Empty(other.GivenIds(1));

        var holder = _gateway.Open(_holder, new HoldItem(0, [new OffsetRange(0, 1)]));
        _gateway.Pump();

        Assert.Equal([1L, 2L], other.GivenIds(1));
        holder.Settle(Settlement.Requeue, (0, 1));
        Assert.Equal([(1L, false), (2L, false), (0L, true)], TestLink.Given(other.Items, 1));
    }

    [Fact]
    public async Task TakenOver_MemberThatIsWaitedForGoes_GivesWhatItsSessionsHeldToOthers()
    {
        var other = await TakeOverBesideOtherAsync();
        Assert.Empty(other.GivenIds(1));

        _gateway.Slot.LetGo(Member, _gateway.Now);
        _gateway.DeliverPushes();
        _gateway.Pump();

        Assert.Equal([0L, 1L], other.GivenIds(1));
        Assert.Equal([_holder], Register.Over);
    }

    [Fact]
    public async Task TakenOver_SessionsThatDoNotCome_AreWaitedForTenSeconds()
    {
        var other = await TakeOverBesideOtherAsync();

        _gateway.Now += Recovery.PatienceInCluster - 1;
        _gateway.Slot.RunDue(_gateway.Now);
        _gateway.DeliverPushes();
        Assert.Empty(other.GivenIds(1));

        _gateway.Now++;
        _gateway.Slot.RunDue(_gateway.Now);
        _gateway.DeliverPushes();
        _gateway.Pump();
        Assert.Equal([0L, 1L], other.GivenIds(1));
    }

    [Fact]
    public async Task TakenOver_ConsumerThatIsNew_TakesNobodysExclusivePlace()
    {
        var other = await TakeOverBesideOtherAsync();

        var holder = _gateway.Open(_holder, new AttachItem(7, "t", false, Exclusive: true, 0, false, default, new Window(1_000_000, 1L << 40)));
        _gateway.Pump();

        Assert.Null(Assert.Single(holder.Items.OfType<AttachedItem>()).Error);
        Assert.Equal(ReplyCode.AccessRefused, Assert.Single(other.Items.OfType<AttachedItem>()).Error?.Code);
    }

    /// <summary>That it has was not stored any more.</summary>
    [Fact]
    public async Task TakenOver_SessionThatHasEnded_IsWaitedForNoMore()
    {
        var other = await TakeOverBesideOtherAsync();
        Assert.Empty(other.GivenIds(1));

        _gateway.Slot.AwaitNoMore([_holder], _gateway.Now);
        _gateway.DeliverPushes();
        _gateway.Pump();

        Assert.Equal([0L, 1L], other.GivenIds(1));
        Assert.Equal([_holder], Register.Over);
    }

    /// <summary>Its session has published before, and is awaited by nobody.</summary>
    [Fact]
    public async Task TakenOver_ConsumerThatIsNewInASessionThatComesAgain_TakesNobodysExclusivePlace()
    {
        await FillAsync();
        await TakeOverAsync();
        _gateway.Resumed.Add(_other);
        var other = _gateway.Open(_other);
        other.Attach(1, exclusive: true);
        NoteAll();
        Assert.Empty(other.Items.OfType<AttachedItem>());

        var holder = _gateway.Open(_holder, new AttachItem(7, "t", false, Exclusive: true, 0, false, default, new Window(1_000_000, 1L << 40)));
        _gateway.Pump();

        Assert.Null(Assert.Single(holder.Items.OfType<AttachedItem>()).Error);
        Assert.Equal(ReplyCode.AccessRefused, Assert.Single(other.Items.OfType<AttachedItem>()).Error?.Code);
    }

    /// <summary>Two messages, and a session that had the first.</summary>
    private async Task FillAsync()
    {
        var link = _gateway.Open(_holder);
        link.Send(new PublishItem(Batches.Of(0, 2, persistent: true), Resent: false) { Number = 1 });
        link.Attach(7, prefetch: 1);
        NoteAll();
        Assert.Equal([0L], link.GivenIds(7));
        _gateway.Pump();
        await _gateway.Queue.Storage!.Journal.FlushAsync();
    }

    /// <summary>Takes the queue over, with a consumer of a session that nobody waits for.</summary>
    private async Task<TestLink> TakeOverBesideOtherAsync()
    {
        await FillAsync();
        await TakeOverAsync();
        var other = _gateway.Open(_other);
        other.Attach(1);
        NoteAll();
        return other;
    }

    /// <summary>As an activation on another silo does it.</summary>
    private async Task TakeOverAsync()
    {
        var identity = _gateway.Queue.Storage!.Journal.Queue.Identity;
        var definition = QueueDefinition.Stored("/", "q", _gateway.Queue.Definition.ToDeclaration());
        var storage = await _stores.Queues.TakeOverAsync(identity, TestGateway.Epoch, default);
        _gateway = new TestGateway(_stores.Queues, new SessionRegister());
        _gateway.Resumed.Add(_holder);
        _gateway.Slot.Restore(definition, identity.Incarnation, [], storage, _gateway.Now, [_holder], _gateway.Now, Recovery.PatienceInCluster);
        Register.Note([new(_holder, Member)]);
        _gateway.Pump();
    }

    /// <summary>The store has what it was given.</summary>
    private void NoteAll()
    {
        var sessions = Register.Unwritten.ToArray();
        Register.Unwritten.Clear();
        _gateway.Slot.Registered(sessions, _gateway.Now);
        _gateway.DeliverPushes();
        _gateway.Pump();
    }
}
