using Granary.Core.Alarms;
using Granary.Core.Figures;
using Granary.Core.Links;
using Granary.Core.Members;
using Granary.Core.Messages;
using Granary.Core.Routing;
using Granary.Silo.Hosting.Cluster;
using Granary.Silo.Queues.Activation;
using Granary.Testing.Logs;
using Granary.Testing.Members;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Logging.Abstractions;
using Microsoft.Extensions.Time.Testing;

namespace Granary.Silo.Tests.Hosting;

/// <summary>
/// How long a gateway goes on that is cut off, and how long silos wait for it: never does a queue give to others what a gateway may still deliver.
/// </summary>
public sealed class GatewayLeaseTests
{
    private const string Gateway = "gateway";

    private static readonly TimeSpan Limit = TimeSpan.FromSeconds(20);

    private readonly FakeTimeProvider _clock = new();
    private readonly FakeMembers _members = new("silo");
    private readonly ListOfMembers _list = new();
    private readonly Standing _standing;
    private readonly LeaseBook _book;
    private readonly List<string> _letGo = [];

    public GatewayLeaseTests()
    {
        _standing = new Standing(_members, _clock, NullLogger<Standing>.Instance, _list);
        _book = new LeaseBook(_members, _clock, _standing);
        _members.Add(Gateway, new Other());
        _standing.NoteWithoutQueues(Gateway);
    }

    [Fact]
    public void Renewal_OfAGateway_IsAnsweredUntilItIsDead()
    {
        Assert.Equal(LeaseAnswer.Unknown, _book.Renew("stranger"));
        Assert.Equal(LeaseAnswer.Renewed, _book.Renew(Gateway));
        _clock.Advance(TimeSpan.FromSeconds(1));

        Assert.Equal(TimeSpan.FromSeconds(2), _book.Close(Gateway));
        Assert.Equal(LeaseAnswer.Dead, _book.Renew(Gateway));
        _clock.Advance(TimeSpan.FromSeconds(1.5));
        Assert.Equal(TimeSpan.FromSeconds(0.5), _book.Close(Gateway));
        _clock.Advance(TimeSpan.FromMinutes(1));
        Assert.Equal(TimeSpan.Zero, _book.Close(Gateway));
    }

    /// <summary>It may be cut off together with the gateway, and have been declared dead.</summary>
    [Fact]
    public async Task Renewal_ByASiloThatReachesNeitherTheOthersNorTheListOfMembers_IsNone()
    {
        _members.Add("other silo", new Other());
        Assert.Equal(LeaseAnswer.Unsure, _book.Renew(Gateway));
        _standing.NoteAnswer("other silo", _clock.GetTimestamp());
        Assert.Equal(LeaseAnswer.Renewed, _book.Renew(Gateway));

        _clock.Advance(Standing.Limit);
        await _standing.LookAsync();
        Assert.Equal(LeaseAnswer.Unsure, _book.Renew(Gateway));
        _list.HasOwn = false;
        await _standing.LookAsync();
        Assert.Equal(LeaseAnswer.Unsure, _book.Renew(Gateway));
        _list.HasOwn = true;
        await _standing.LookAsync();
        Assert.Equal(LeaseAnswer.Renewed, _book.Renew(Gateway));

        _clock.Advance(Standing.Limit);
        Assert.Equal(LeaseAnswer.Unsure, _book.Renew(Gateway));
        _members.Lose("other silo");
        Assert.Equal(LeaseAnswer.Renewed, _book.Renew(Gateway));
    }

    /// <summary>While others answer the list need not; and what it says is as old as the question.</summary>
    [Fact]
    public async Task Standing_IsTakenFromTheListOfMembersOnlyWhenAnotherSiloDoesNotAnswer()
    {
        _members.Add("answers", new Other());
        _members.Add("hangs", new Other());
        _standing.NoteAnswer("answers", _clock.GetTimestamp());
        _standing.NoteAnswer("hangs", _clock.GetTimestamp());
        _clock.Advance(Standing.Limit / 2);
        _standing.NoteAnswer("answers", _clock.GetTimestamp());
        await _standing.LookAsync();
        Assert.Equal((0, true), (_list.Reads, _standing.IsSure));

        _clock.Advance(Standing.Limit / 4);
        _list.Late = new TaskCompletionSource<bool>();
        var reading = _standing.LookAsync();
        await _standing.LookAsync();
        Assert.Equal(1, _list.Reads);
        _clock.Advance(Standing.Limit * 3 / 4);
        Assert.False(_standing.IsSure);
        _list.Late.SetResult(true);
        await reading;
        Assert.True(_standing.IsSure);
        _clock.Advance(Standing.Limit / 4);
        Assert.False(_standing.IsSure);
    }

    [Fact]
    public async Task Loss_OfAGatewayHeardOfLately_IsFollowedWhenItsLeaseIsOver()
    {
        _book.Renew(Gateway);
        _clock.Advance(TimeSpan.FromSeconds(1));
        _members.Lose(Gateway);
        var released = Watch().ReleaseAsync(Gateway);

        _clock.Advance(TimeSpan.FromSeconds(1.9));
        Assert.False(released.IsCompleted);
        _clock.Advance(TimeSpan.FromSeconds(0.1));
        await released.WaitAsync(Limit);
        await WaitUntilAsync(() => _letGo.Count > 0);
        Assert.Equal([Gateway], _letGo);
    }

    [Fact]
    public async Task Loss_OfAMemberWithoutLease_IsFollowedAtOnce() => await Watch().ReleaseAsync(Gateway).WaitAsync(Limit);

    /// <summary>It may have clients, too, and have gone on by what the list of members said, whether or not it was heard of here.</summary>
    [Fact]
    public async Task Loss_OfAMemberThatHasQueues_IsFollowedWhenItIsNoLongerSureOfItself()
    {
        var released = Watch().ReleaseAsync("other silo");
        _clock.Advance(TimeSpan.FromSeconds(1.9));
        Assert.False(released.IsCompleted);
        _clock.Advance(TimeSpan.FromSeconds(0.1));
        await released.WaitAsync(Limit);
    }

    /// <summary>A silo that is cut off together with the gateway answers it until it is no longer sure of itself, and the gateway goes on by its last answer.</summary>
    [Fact]
    public async Task Loss_OfAGatewayAndASiloThatHasNotAnsweredAnyMore_WaitsForWhatThatOneMayHaveAnswered()
    {
        _members.Add("other silo", new Other { Fails = true });
        _members.Lose(Gateway);
        var released = Watch().ReleaseAsync(Gateway);
        _members.Lose("other silo");
        var lost = _clock.GetUtcNow();
        await WaitUntilAsync(() =>
        {
            _clock.Advance(TimeSpan.FromMilliseconds(50));
            return released.IsCompleted;
        });

        Assert.InRange(_clock.GetUtcNow() - lost, TimeSpan.FromSeconds(4), TimeSpan.MaxValue);
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task Loss_OfAGatewaySoonAfterAnotherMember_WaitsForThatOneIfItHadQueues(bool hadQueues)
    {
        if (!hadQueues)
        {
            _standing.NoteWithoutQueues("other");
        }

        _book.Close("other");
        _clock.Advance(TimeSpan.FromSeconds(1));
        _members.Lose(Gateway);
        var released = Watch().ReleaseAsync(Gateway);
        _clock.Advance(TimeSpan.FromSeconds(2.9));
        Assert.Equal(!hadQueues, released.IsCompleted);
        _clock.Advance(TimeSpan.FromSeconds(0.1));
        await released.WaitAsync(Limit);
    }

    [Fact]
    public async Task Loss_OfAGatewayThatAnotherSiloHasAnswered_WaitsForThatOneToo()
    {
        var other = new Other { Left = TimeSpan.FromSeconds(2.5), Fails = true };
        _members.Add("other silo", other);
        _members.Lose(Gateway);
        var released = Watch().ReleaseAsync(Gateway);
        await WaitUntilAsync(() => other.Calls == 1);
        Assert.False(released.IsCompleted);

        // It may have answered the gateway just now.
        other.Fails = false;
        await WaitUntilAsync(() =>
        {
            _clock.Advance(TimeSpan.FromMilliseconds(250));
            return other.Calls == 2;
        });
        var answered = _clock.GetUtcNow();
        await WaitUntilAsync(() =>
        {
            _clock.Advance(TimeSpan.FromMilliseconds(50));
            return released.IsCompleted;
        });

        // The clock may have gone on twice between the answer and its being seen here.
        Assert.InRange(_clock.GetUtcNow() - answered, other.Left - TimeSpan.FromMilliseconds(500), TimeSpan.MaxValue);
    }

    [Fact]
    public async Task Loss_WhileAnotherSiloHangs_WaitsUntilThatOneIsLostToo()
    {
        var other = new Other { Fails = true };
        _members.Add("other silo", other);
        _members.Lose(Gateway);
        var released = Watch().ReleaseAsync(Gateway);
        await WaitUntilAsync(() => other.Calls == 1);
        Assert.False(released.IsCompleted);

        _members.Lose("other silo");
        await WaitUntilAsync(() =>
        {
            _clock.Advance(TimeSpan.FromMilliseconds(250));
            return released.IsCompleted;
        });
    }

    [Fact]
    public async Task Lease_WhileAnySiloAnswers_GoesOn()
    {
        var (lease, keeper) = (new GatewayLease(_clock), new Other { Answer = LeaseAnswer.Renewed });
        _members.Add("hangs", new Other { Fails = true });
        _members.Add("answers", keeper);
        using var asking = Keeper(lease);
        Assert.True(lease.IsOver);

        asking.Ask();
        await WaitUntilAsync(() => !lease.IsOver);
        keeper.Answer = LeaseAnswer.Unknown;
        _clock.Advance(TimeSpan.FromSeconds(1.9));
        asking.Ask();
        Assert.False(lease.IsOver);
        _clock.Advance(TimeSpan.FromSeconds(0.1));
        Assert.True(lease.IsOver);
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task Lease_OfAProcessThatStoodStill_IsOverAndToldOfOnlyIfNoSiloAnswersThen(bool answers)
    {
        const int NoSiloAnswers = 3511;
        var (lease, silo, watched) = (new GatewayLease(_clock), new Other { Answer = LeaseAnswer.Renewed }, new WatchedLog());
        _members.Add("asked", silo);
        using var asking = Keeper(lease, log: watched.LoggerOf<LeaseKeeper>());
        asking.Ask();
        await WaitUntilAsync(() => !lease.IsOver);
        _clock.Advance(SnapshotLease.RenewEvery);
        asking.Ask();
        await WaitUntilAsync(() => silo.Calls == 2);

        silo.Fails = !answers;
        _clock.Advance(TimeSpan.FromSeconds(3));
        Assert.True(lease.IsOver);
        asking.Ask();

        // The timer makes up for what it has missed.
        _clock.Advance(TimeSpan.FromMilliseconds(1));
        asking.Ask();
        Assert.Empty(watched.Lines);
        await WaitUntilAsync(() => silo.Calls == 4 && lease.IsOver == !answers);
        _clock.Advance(SnapshotLease.RenewEvery);
        asking.Ask();
        if (!answers)
        {
            watched.Expect(NoSiloAnswers);
        }

        watched.Check();
    }

    [Fact]
    public async Task Lease_OnlyGatewaysAnswer_IsOver()
    {
        var (lease, other) = (new GatewayLease(_clock), new Other { Answer = LeaseAnswer.WithoutQueues });
        _members.Add("another gateway", other);
        using var asking = Keeper(lease);
        asking.Ask();
        await WaitUntilAsync(() => other.Calls == 1);
        asking.Ask();
        Assert.Equal((1, true), (other.Calls, lease.IsOver));
    }

    [Fact]
    public async Task Lease_OfAMemberThatASiloCallsDead_EndsTheProcess()
    {
        _members.Add("knows", new Other { Answer = LeaseAnswer.Dead });
        var end = new End();
        using var asking = Keeper(new GatewayLease(_clock), end);
        asking.Ask();
        await WaitUntilAsync(() => end.HasCome);
    }

    [Fact]
    public async Task Lease_OnlyASiloAnswersThatIsNotSureOfItself_IsOver()
    {
        var (lease, other) = (new GatewayLease(_clock), new Other { Answer = LeaseAnswer.Unsure });
        _members.Add("unsure", other);
        using var asking = Keeper(lease);
        asking.Ask();
        await WaitUntilAsync(() => other.Calls == 1);

        // But it has not said that this one is dead: each of two that start at the same time makes the other sure.
        await WaitUntilAsync(() => _standing.IsSure);
        Assert.True(lease.IsOver);
    }

    [Theory]
    [InlineData(0, false, false)]
    [InlineData(1, false, true)]
    [InlineData(1, true, false)]
    [InlineData(2, false, true)]
    [InlineData(2, true, false)]
    public void Lease_OfAProcessWithQueuesOfItsOwn_NeedsTheOthersOrTheListOfMembers(int others, bool isListed, bool isOver)
    {
        _members.Lose(Gateway);
        for (var i = 0; i < others; i++)
        {
            _members.Add($"hangs {i}", new Other { Fails = true });
        }

        _list.HasOwn = isListed ? true : null;
        var lease = new GatewayLease(_clock);
        using var asking = Keeper(lease, book: _book);
        asking.Ask();
        Assert.Equal(isOver, lease.IsOver);

        _clock.Advance(Standing.Limit);
        Assert.Equal(others > 0, lease.IsOver);
    }

    private LossWatch Watch()
    {
        var queues = new LocalQueues();
        queues.Add("q", new QueueInbox(all =>
        {
            foreach (var news in all)
            {
                _letGo.Add(news.Gone!);
            }
        }));
        return new LossWatch(null!, new SiloLosses("silo", _clock), _members, _clock, NullLogger<LossWatch>.Instance, queues, _book);
    }

    private LeaseKeeper Keeper(GatewayLease lease, End? end = null, LeaseBook? book = null, ILogger<LeaseKeeper>? log = null) =>
        new(hasClients: true, _members, lease, _standing, end ?? new End(), _clock, log ?? NullLogger<LeaseKeeper>.Instance, book);

    private static async Task WaitUntilAsync(Func<bool> condition)
    {
        using var limit = new CancellationTokenSource(Limit);
        while (!condition())
        {
            await Task.Delay(1, limit.Token);
        }
    }

    private sealed class End : IFatalErrorHandler
    {
        public bool HasCome { get; private set; }

        public bool IsUnexpected(Exception exception) => true;

        public void OnFatalException(object? sender = null, string? context = null, Exception? exception = null) => HasCome = true;
    }

    /// <summary>What the list of members says of this process.</summary>
    private sealed class ListOfMembers : IMemberList
    {
        /// <summary>Null: it is out of reach.</summary>
        public bool? HasOwn { get; set; }

        /// <summary>It answers when this is set.</summary>
        public TaskCompletionSource<bool>? Late { get; set; }

        public int Reads { get; private set; }

        public Task<bool> HasOwnAsync()
        {
            Reads++;
            return Late is { } late ? late.Task : HasOwn is { } has ? Task.FromResult(has) : Task.FromException<bool>(new TimeoutException("out of reach"));
        }
    }

    /// <summary>Another member, as calls reach it.</summary>
    private sealed class Other : IMemberService
    {
        private int _calls;

        public bool Fails { get; set; }

        public LeaseAnswer Answer { get; set; }

        public TimeSpan Left { get; init; }

        public int Calls => Volatile.Read(ref _calls);

        public Task<LeaseAnswer> RenewAsync(string from) => AnswerAsync(Answer);

        public Task<TimeSpan> CloseLeaseAsync(string member) => AnswerAsync(Left);

        public Task<bool> ReachesDatabaseAsync() => throw new NotSupportedException("no database here");

        public Task<MemberFigures> TellFiguresAsync(FigureKinds kinds, string? queue) => throw new NotSupportedException("no figures here");

        public Task<HistoryFigure[]> TellHistoriesAsync(HistoryQuery query) => throw new NotSupportedException("no figures here");

        public Task<bool> CloseConnectionAsync(Guid connection, string reason) => throw new NotSupportedException("no connections here");

        public Task<bool> SetAlarmsAsync(string from, long version, PublisherAlarm[] raised) => throw new NotSupportedException("no alarms here");

        public Task<ReplyReceipt> PostAsync(string from, long number, MessageBatch replies) => throw new NotSupportedException("no replies here");

        public Task<bool> IsWaitingAsync(string address) => throw new NotSupportedException("no replies here");

        public Task<int> CountConnectionsAsync(string? vhost, string? user) => throw new NotSupportedException("no connections here");

        public Task<int> CountChannelsAsync(string user) => throw new NotSupportedException("no channels here");

        public Task<int> CountQueuesAsync() => throw new NotSupportedException("no queues here");

        public Task<int> MoveQueuesAsync(SiloAddress to, int count) => throw new NotSupportedException("no queues here");

        public Task<SessionId[]> FindGoneSessionsAsync(SessionId[] sessions) => throw new NotSupportedException("no sessions here");

        private Task<T> AnswerAsync<T>(T answer)
        {
            Interlocked.Increment(ref _calls);
            return Fails ? Task.FromException<T>(new TimeoutException("it hangs")) : Task.FromResult(answer);
        }
    }
}
