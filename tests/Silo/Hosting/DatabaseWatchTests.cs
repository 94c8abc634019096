using Granary.Core.Alarms;
using Granary.Core.Figures;
using Granary.Core.Links;
using Granary.Core.Members;
using Granary.Core.Messages;
using Granary.Silo.Hosting.Cluster;
using Granary.Testing.Members;
using Microsoft.Extensions.Logging.Abstractions;
using Microsoft.Extensions.Time.Testing;

namespace Granary.Silo.Tests.Hosting;

/// <summary>A silo that does not reach the database goes if another one does, and else waits for it.</summary>
public sealed class DatabaseWatchTests : IDisposable
{
    private readonly FakeTimeProvider _clock = new();
    private readonly FakeMembers _members = new("silo");
    private readonly Reach _reach = new();
    private readonly End _end = new();
    private readonly DatabaseWatch _watch;

    public DatabaseWatchTests() => _watch = new DatabaseWatch(_reach, _members, _end, _clock, NullLogger<DatabaseWatch>.Instance);

    [Fact]
    public async Task Silo_ThatAloneDoesNotReachTheDatabase_EndsWhenItsPatienceIsOver()
    {
        _members.Add("hangs", new Other { Fails = true });
        _members.Add("reaches it", new Other { Reaches = true });
        await _watch.LookAsync();
        _reach.Answers = false;
        await LookAfterAsync(TimeSpan.FromSeconds(1));
        await LookAfterAsync(DatabaseWatch.Patience - TimeSpan.FromMilliseconds(1));
        Assert.Null(_end.Reason);

        await LookAfterAsync(TimeSpan.FromMilliseconds(1));
        Assert.Contains("silo reaches it reaches it", _end.Reason, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Silo_WhileNobodyReachesTheDatabase_Waits()
    {
        _members.Add("hangs", new Other { Fails = true });
        _members.Add("waits, too", new Other());
        _reach.Answers = false;
        for (var i = 0; i < 100; i++)
        {
            await LookAfterAsync(TimeSpan.FromSeconds(1));
        }

        Assert.Null(_end.Reason);
    }

    [Fact]
    public async Task Silo_ThatSeesTheDatabaseComeBackAfterOthersDid_Stays()
    {
        _members.Add("has seen it", new Other { Reaches = true, WhenAsked = () => _reach.Answers = true });
        _reach.Answers = false;
        await _watch.LookAsync();
        await LookAfterAsync(DatabaseWatch.Patience);
        Assert.Null(_end.Reason);
    }

    [Fact]
    public async Task Silo_ThatReachedTheDatabaseInBetween_IsPatientAnew()
    {
        _members.Add("reaches it", new Other { Reaches = true });
        foreach (var answers in new[] { false, true, false })
        {
            _reach.Answers = answers;
            await LookAfterAsync(DatabaseWatch.Patience - TimeSpan.FromMilliseconds(1));
        }

        Assert.Null(_end.Reason);
    }

    /// <summary>A database that is up for a moment and gone again is seen by some: what they saw is no reason for the others to end.</summary>
    [Fact]
    public async Task Answer_ToOthers_IsOfALookOfThatMoment()
    {
        await _watch.LookAsync();
        Assert.True(await _watch.ReachesDatabaseAsync());

        _reach.Answers = false;
        Assert.False(await _watch.ReachesDatabaseAsync());
        _reach.Answers = true;
        Assert.True(await _watch.ReachesDatabaseAsync());
    }

    public void Dispose() => _watch.Dispose();

    private Task LookAfterAsync(TimeSpan time)
    {
        _clock.Advance(time);
        return _watch.LookAsync();
    }

    private sealed class Reach : IDatabaseReach
    {
        public bool Answers { get; set; } = true;

        public Task<bool> LookAsync() => Task.FromResult(Answers);
    }

    private sealed class End : IFatalErrorHandler
    {
        public string? Reason { get; private set; }

        public bool IsUnexpected(Exception exception) => true;

        public void OnFatalException(object? sender = null, string? context = null, Exception? exception = null) => Reason = context;
    }

    /// <summary>Another member, as calls reach it.</summary>
    private sealed class Other : IMemberService
    {
        public bool Fails { get; init; }

        public bool Reaches { get; init; }

        public Action WhenAsked { get; init; } = () => { };

        public Task<bool> ReachesDatabaseAsync()
        {
            WhenAsked();
            return Fails ? Task.FromException<bool>(new TimeoutException("it hangs")) : Task.FromResult(Reaches);
        }

        public Task<MemberFigures> TellFiguresAsync(FigureKinds kinds, string? queue) => throw new NotSupportedException("no figures here");

        public Task<HistoryFigure[]> TellHistoriesAsync(HistoryQuery query) => throw new NotSupportedException("no figures here");

        public Task<bool> CloseConnectionAsync(Guid connection, string reason) => throw new NotSupportedException("no connections here");

        public Task<bool> SetAlarmsAsync(string from, long version, PublisherAlarm[] raised) => throw new NotSupportedException("no alarms here");

        public Task<ReplyReceipt> PostAsync(string from, long number, MessageBatch replies) => throw new NotSupportedException("no replies here");

        public Task<bool> IsWaitingAsync(string address) => throw new NotSupportedException("no replies here");

        public Task<LeaseAnswer> RenewAsync(string from) => throw new NotSupportedException("no leases here");

        public Task<TimeSpan> CloseLeaseAsync(string member) => throw new NotSupportedException("no leases here");

        public Task<int> CountConnectionsAsync(string? vhost, string? user) => throw new NotSupportedException("no connections here");

        public Task<int> CountChannelsAsync(string user) => throw new NotSupportedException("no channels here");

        public Task<int> CountQueuesAsync() => throw new NotSupportedException("no queues here");

        public Task<int> MoveQueuesAsync(SiloAddress to, int count) => throw new NotSupportedException("no queues here");

        public Task<SessionId[]> FindGoneSessionsAsync(SessionId[] sessions) => throw new NotSupportedException("no sessions here");
    }
}
