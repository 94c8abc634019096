using Granary.Core.Grains;
using Granary.Core.Routing;
using Granary.Core.Topology;
using Microsoft.Extensions.Logging.Abstractions;
using Microsoft.Extensions.Time.Testing;

namespace Granary.Core.Tests.Routing;

public sealed class ExchangeViewTests
{
    private static readonly Guid Epoch = Guid.NewGuid();
    private static readonly TimeSpan Idle = TimeSpan.FromMinutes(1);

    private readonly FakeTimeProvider _time = new();
    private readonly ScriptedExchange _exchange = new();
    private readonly ExchangeView _view;

    public ExchangeViewTests()
    {
        var source = new SnapshotSource(_ => _exchange, () => new NoObserver(), Guid.NewGuid(), _time, NullLogger.Instance);
        _view = new ExchangeView("/", "x", source);
    }

    [Fact]
    public async Task Load_NoSuchExchange_IsAbsentAndAskedForAgain()
    {
        _exchange.Answer(null);
        Assert.Equal(ViewLoad.Absent, await _view.LoadAsync());

        _exchange.Answer(Snapshot(0));
        Assert.Equal(ViewLoad.Held, await _view.LoadAsync());
        Assert.Equal(2, _exchange.Watches);
    }

    [Fact]
    public async Task Apply_NextChanges_AreRoutedByAndEndThePathsOfBefore()
    {
        await HoldAsync(Snapshot(3, "a"));
        var before = Route();

        Assert.Equal(5, _view.Apply(Delta(3, Bound("b"), Unbound("a"))));

        Assert.True(before.Queues is ["a"]);
        Assert.False(before.IsCurrent);
        Assert.Equal(["b"], Route().Queues);
        Assert.True(Route().IsCurrent);
    }

    [Fact]
    public async Task Apply_KnownChangesAgain_ChangesNothing()
    {
        await HoldAsync(Snapshot(3, "a"));
        _view.Apply(Delta(3, Bound("b")));
        var path = Route();

        Assert.Equal(4, _view.Apply(Delta(3, Bound("b"))));
        Assert.Equal(4, _view.Apply(Delta(2, Bound("a"))));

        Assert.True(path.IsCurrent);
    }

    [Fact]
    public async Task Apply_RepeatedDeltaWithMore_AppliesOnlyWhatIsNew()
    {
        await HoldAsync(Snapshot(0));
        _view.Apply(Delta(0, Bound("a")));

        Assert.Equal(3, _view.Apply(Delta(0, Bound("a"), Bound("b"), Unbound("a"))));

        Assert.Equal(["b"], Route().Queues);
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task Apply_GapOrOtherEpoch_GivesTheSnapshotUp(bool otherEpoch)
    {
        await HoldAsync(Snapshot(3, "a"));
        var path = Route();

        Assert.Equal(IExchangeObserver.NotHeld, _view.Apply(otherEpoch ? Delta(3, Bound("b")) with { Epoch = Guid.NewGuid() } : Delta(4, Bound("b"))));

        Assert.False(path.IsCurrent);
        Assert.Equal(ViewMatch.NotHeld, _view.Match("k"u8, [], default, false, NewSearch()));
    }

    [Fact]
    public async Task Apply_Deletion_GivesTheSnapshotUp()
    {
        await HoldAsync(Snapshot(3, "a"));
        var path = Route();

        Assert.Equal(IExchangeObserver.NotHeld, _view.Apply(Delta(3, ExchangeChange.Deleted)));

        Assert.False(path.IsCurrent);
    }

    [Fact]
    public async Task Apply_WhileLoading_CountsAndIsAppliedToTheSnapshot()
    {
        var answer = _exchange.AnswerLater();
        var loading = _view.LoadAsync();
        await _exchange.Asked;

        Assert.Equal(5, _view.Apply(Delta(4, Bound("late"))));
        Assert.Equal(4, _view.Apply(Delta(3, Bound("early"))));
        answer.SetResult(Snapshot(3, "a"));

        Assert.Equal(ViewLoad.Held, await loading);
        Assert.Equal(["a", "early", "late"], Route().Queues.Order());
    }

    [Fact]
    public async Task Apply_WhileLoadingBeyondAGap_WatchesAgain()
    {
        var answer = _exchange.AnswerLater();
        var loading = _view.LoadAsync();
        await _exchange.Asked;
        Assert.Equal(9, _view.Apply(Delta(8, Bound("b"))));
        _exchange.Answer(Snapshot(9, "a", "b"));

        answer.SetResult(Snapshot(3, "a"));

        Assert.Equal(ViewLoad.Held, await loading);
        Assert.Equal(2, _exchange.Watches);
        Assert.Equal(["a", "b"], Route().Queues.Order());
    }

    [Fact]
    public async Task Sweep_NobodyAnswersRenewals_GivesTheSnapshotUpBeforeTheExchangeStopsWaiting()
    {
        await HoldAsync(Snapshot(0, "a"));
        var path = Route();
        _exchange.RenewalAnswer = new TaskCompletionSource<bool>().Task;

        _time.Advance(SnapshotLease.HolderLimit - TimeSpan.FromMilliseconds(1));
        Assert.False(_view.Sweep(Idle));
        Assert.True(path.IsCurrent);
        _time.Advance(TimeSpan.FromMilliseconds(1));
        Assert.False(_view.Sweep(Idle));

        Assert.False(path.IsCurrent);
        Assert.True(SnapshotLease.HolderLimit < SnapshotLease.Length);
    }

    [Fact]
    public async Task Match_LeaseHasRunOutAndNothingSweptSince_IsNotRoutedByTheSnapshot()
    {
        await HoldAsync(Snapshot(0, "a"));
        var path = Route();

        _time.Advance(SnapshotLease.HolderLimit - TimeSpan.FromMilliseconds(1));
        Assert.Equal(["a"], Route().Queues);
        _time.Advance(TimeSpan.FromMilliseconds(1));

        Assert.Equal(ViewMatch.NotHeld, _view.Match("k"u8, [], default, fromOutside: true, NewSearch()));
        Assert.False(path.IsCurrent);
    }

    [Fact]
    public async Task Match_LeaseRenewedMeanwhile_IsRoutedByTheSnapshot()
    {
        await HoldAsync(Snapshot(0, "a"));
        _time.Advance(TimeSpan.FromSeconds(1));
        _view.Sweep(Idle);
        _time.Advance(SnapshotLease.HolderLimit - TimeSpan.FromMilliseconds(1));

        Assert.Equal(["a"], Route().Queues);
    }

    [Fact]
    public async Task Sweep_RenewalsAnswered_KeepTheSnapshot()
    {
        await HoldAsync(Snapshot(0, "a"));
        var path = Route();
        for (var i = 0; i < 20; i++)
        {
            _time.Advance(SnapshotLease.RenewEvery);
            Assert.False(_view.Sweep(Idle));
            Assert.True(path.IsCurrent);
        }

        Assert.Equal(20, _exchange.Renewals);
    }

    [Fact]
    public async Task Sweep_ExchangeDoesNotKnowTheHolder_GivesTheSnapshotUp()
    {
        await HoldAsync(Snapshot(0, "a"));
        var path = Route();
        _exchange.RenewalAnswer = Task.FromResult(false);
        _time.Advance(SnapshotLease.RenewEvery);

        _view.Sweep(Idle);

        Assert.False(path.IsCurrent);
    }

    [Fact]
    public async Task Sweep_UnusedForLong_RetiresAndUnwatches()
    {
        await HoldAsync(Snapshot(0, "a"));
        _time.Advance(TimeSpan.FromSeconds(1));
        Assert.False(_view.Sweep(TimeSpan.FromSeconds(2)));
        _time.Advance(TimeSpan.FromSeconds(1));
        Assert.False(_view.Sweep(TimeSpan.FromSeconds(2)));
        _time.Advance(TimeSpan.FromSeconds(1));
        Assert.True(_view.Sweep(TimeSpan.FromSeconds(2)));

        Assert.Equal(1, _exchange.Unwatches);
        Assert.Equal(ViewLoad.Retired, await _view.LoadAsync());
        Assert.Equal(IExchangeObserver.NotHeld, _view.Apply(Delta(0, Bound("b"))));
    }

    private static RouteSearch NewSearch()
    {
        var search = new RouteSearch();
        search.Begin();
        return search;
    }

    private static ExchangeSnapshot Snapshot(long number, params string[] queues) => new(
        Epoch, number, new ExchangeDeclaration(ExchangeTypes.Fanout, false, false, false, default), null, [.. queues.Select(Bind)]);

    private static ExchangeDelta Delta(long after, params ExchangeChange[] changes) => new(GrainKeys.For("/", "x"), Epoch, after, changes);

    private static ExchangeChange Bound(string queue) => ExchangeChange.Bound(Bind(queue));

    private static ExchangeChange Unbound(string queue) => ExchangeChange.Unbound(Bind(queue));

    private static Binding Bind(string queue) => new(new Destination(DestinationKind.Queue, queue, default), "", default);

    private async Task HoldAsync(ExchangeSnapshot snapshot)
    {
        _exchange.Answer(snapshot);
        Assert.Equal(ViewLoad.Held, await _view.LoadAsync());
    }

    private RoutePath Route()
    {
        var search = NewSearch();
        Assert.Equal(ViewMatch.Done, _view.Match("k"u8, [], default, fromOutside: true, search));
        return search.ToPath();
    }

    private sealed class NoObserver : IExchangeObserver
    {
        public Task<long> ApplyAsync(ExchangeDelta delta) => throw new NotSupportedException("These tests bring deltas to the view themselves.");
    }

    private sealed class ScriptedExchange : IExchangeGrain
    {
        private readonly Queue<Task<ExchangeSnapshot?>> _answers = [];
        private readonly TaskCompletionSource _asked = new();

        public int Watches { get; private set; }

        public int Renewals { get; private set; }

        public int Unwatches { get; private set; }

        public Task<bool> RenewalAnswer { get; set; } = Task.FromResult(true);

        public Task Asked => _asked.Task;

        public void Answer(ExchangeSnapshot? snapshot) => _answers.Enqueue(Task.FromResult(snapshot));

        public TaskCompletionSource<ExchangeSnapshot?> AnswerLater()
        {
            var later = new TaskCompletionSource<ExchangeSnapshot?>();
            _answers.Enqueue(later.Task);
            return later;
        }

        public ValueTask<ExchangeSnapshot?> WatchAsync(Guid holder, long session, IExchangeObserver observer)
        {
            Watches++;
            _asked.TrySetResult();
            return new(_answers.Dequeue());
        }

        public ValueTask<bool> RenewAsync(Guid holder, long session, Guid epoch)
        {
            Renewals++;
            return new(RenewalAnswer);
        }

        public ValueTask UnwatchAsync(Guid holder, long session)
        {
            Unwatches++;
            return ValueTask.CompletedTask;
        }

        public ValueTask<BrokerError?> DeclareAsync(ExchangeDeclaration declaration) => throw new NotSupportedException();

        public ValueTask<BrokerError?> CheckAsync() => throw new NotSupportedException();

        public ValueTask<BrokerError?> DeleteAsync(bool ifUnused) => throw new NotSupportedException();

        public ValueTask<BrokerError?> BindAsync(Binding binding, bool toDurable) => throw new NotSupportedException();

        public ValueTask<BrokerError?> UnbindAsync(Binding binding) => throw new NotSupportedException();

        public ValueTask RemoveDestinationAsync(Destination destination) => throw new NotSupportedException();

        public ValueTask WakeAsync() => throw new NotSupportedException();

        public ValueTask RemoveAsync() => throw new NotSupportedException();

        public ValueTask<ExchangeDeclaration?> DescribeAsync() => throw new NotSupportedException();

        public ValueTask<ExchangeAnswer> AddBindingSourceAsync(string exchange) => throw new NotSupportedException();

        public ValueTask<OwnQueueAnswer> FindOwnQueueAsync() => throw new NotSupportedException();

        public ValueTask<Binding[]> ListBindingsAsync() => throw new NotSupportedException();
    }
}
