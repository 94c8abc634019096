using Granary.Core.Routing;
using Granary.Core.Topology;
using Granary.Silo.Snapshots;
using Microsoft.Extensions.Time.Testing;

namespace Granary.Silo.Tests.Snapshots;

public sealed class SnapshotHoldersTests
{
    private static readonly Guid First = Guid.NewGuid();
    private static readonly Guid Second = Guid.NewGuid();

    private readonly FakeTimeProvider _time = new();
    private readonly List<HolderSession<IExchangeObserver>> _started = [];
    private readonly SnapshotHolders<ExchangeChange, IExchangeObserver> _holders;

    public SnapshotHoldersTests() => _holders = new SnapshotHolders<ExchangeChange, IExchangeObserver>(Guid.NewGuid(), SnapshotLease.Length, _time, _started.Add);

    [Fact]
    public void WhenAllHave_NobodyHolds_CompletesAtOnce()
    {
        _holders.Add(Change("a"));

        Assert.True(_holders.WhenAllHaveAsync().IsCompletedSuccessfully);
        Assert.Empty(_started);
    }

    [Fact]
    public async Task WhenAllHave_SeveralHolders_CompletesWithTheLastAnswer()
    {
        Watch(First);
        Watch(Second);
        _holders.Add(Change("a"));
        var done = _holders.WhenAllHaveAsync();

        _holders.Acknowledge(_started[0], 1);
        Assert.False(done.IsCompleted);
        _holders.Acknowledge(_started[1], 1);

        await done.WaitAsync(TimeSpan.FromSeconds(20));
    }

    [Fact]
    public async Task NextFor_ChangesWhileOneDeltaIsOnItsWay_GoTogetherInTheNext()
    {
        Watch(First);
        _holders.Add(Change("a"));
        var session = Assert.Single(_started);
        Assert.Equal((0L, 1), Describe(_holders.NextFor(session)!.Value));
        _holders.Add(Change("b"));
        _holders.Add(Change("c"));
        var early = _holders.WhenAllHaveAsync();

        _holders.Acknowledge(session, 1);
        Assert.False(early.IsCompleted);
        Assert.Equal((1L, 2), Describe(_holders.NextFor(session)!.Value));
        _holders.Acknowledge(session, 3);

        Assert.Null(_holders.NextFor(session));
        Assert.Single(_started);
        await early.WaitAsync(TimeSpan.FromSeconds(20));
        _holders.Add(Change("d"));
        Assert.Equal(2, _started.Count);
    }

    [Fact]
    public async Task DropSilent_NoAnswerForALease_StopsWaitingAndTheHolderFindsOut()
    {
        Watch(First);
        _holders.Add(Change("a"));
        var done = _holders.WhenAllHaveAsync();

        _time.Advance(SnapshotLease.Length - TimeSpan.FromTicks(1));
        _holders.DropSilent();
        Assert.False(done.IsCompleted);
        _time.Advance(TimeSpan.FromTicks(1));
        _holders.DropSilent();

        await done.WaitAsync(TimeSpan.FromSeconds(20));
        Assert.Null(_holders.NextFor(_started[0]));
        Assert.False(_holders.Renew(First, 1, _holders.Epoch));
        Assert.True(_holders.IsEmpty);
    }

    [Fact]
    public void DropSilent_HolderThatRenews_IsKept()
    {
        Watch(First);
        _time.Advance(SnapshotLease.Length / 2);
        Assert.True(_holders.Renew(First, 1, _holders.Epoch));
        _time.Advance(SnapshotLease.Length / 2);
        _holders.DropSilent();

        Assert.False(_holders.IsEmpty);
        Assert.False(_holders.Renew(First, 1, Guid.NewGuid()));
    }

    [Fact]
    public async Task Acknowledge_HolderSaysItHoldsNothing_IsDropped()
    {
        Watch(First);
        _holders.Add(Change("a"));
        var done = _holders.WhenAllHaveAsync();

        _holders.Acknowledge(_started[0], IExchangeObserver.NotHeld);

        await done.WaitAsync(TimeSpan.FromSeconds(20));
        Assert.True(_holders.IsEmpty);
    }

    [Fact]
    public void Acknowledge_OfAnEarlierSession_DoesNotDropTheLaterOne()
    {
        Watch(First);
        _holders.Add(Change("a"));
        Watch(First, session: 2);

        _holders.Acknowledge(_started[0], IExchangeObserver.NotHeld);

        Assert.True(_holders.Renew(First, 2, _holders.Epoch));
    }

    [Fact]
    public void Watch_ArrivingLate_DoesNotReplaceTheLaterSession()
    {
        Watch(First, session: 2);
        _holders.Add(Change("a"));
        var done = _holders.WhenAllHaveAsync();

        Watch(First, session: 1);
        _holders.Unwatch(First, 1);

        Assert.False(done.IsCompleted);
        Assert.Equal((0L, 1), Describe(_holders.NextFor(_started[0])!.Value));
    }

    private static ExchangeChange Change(string queue) =>
        ExchangeChange.Bound(new Binding(new Destination(DestinationKind.Queue, queue, default), "", default));

    private static (long After, int Changes) Describe((long After, ExchangeChange[] Changes) delta) => (delta.After, delta.Changes.Length);

    private void Watch(Guid holder, long session = 1) => _holders.Watch(holder, session, new NoObserver());

    private sealed class NoObserver : IExchangeObserver
    {
        public Task<long> ApplyAsync(ExchangeDelta delta) => throw new NotSupportedException("These tests answer themselves.");
    }
}
