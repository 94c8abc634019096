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

/// <summary>Alarms of one member of a cluster at the others.</summary>
public sealed class ClusterAlarmsTests : IAsyncLifetime
{
    private static readonly TimeSpan Limit = TimeSpan.FromSeconds(20);

    private readonly FakeTimeProvider _clock = new();
    private readonly PublisherAlarms _own = new();
    private readonly PublisherAlarms _others = new();
    private readonly FakeMembers _membersHere = new("here");
    private readonly FakeMembers _membersThere = new("there");
    private readonly ClusterAlarms _here;
    private readonly ClusterAlarms _there;
    private readonly Reached _reached;

    public ClusterAlarmsTests()
    {
        _here = new ClusterAlarms(_membersHere, _own, _clock, NullLogger<ClusterAlarms>.Instance);
        _there = new ClusterAlarms(_membersThere, _others, _clock, NullLogger<ClusterAlarms>.Instance);
        _reached = new Reached(_there);
    }

    public Task InitializeAsync() => _here.StartAsync(CancellationToken.None);

    public Task DisposeAsync() => _here.StopAsync(CancellationToken.None);

    [Fact]
    public async Task Alarm_RaisedAndCleared_HoldsAndReleasesPublishersOfTheOther()
    {
        Meet();
        _own.Raise(PublisherAlarm.Memory);
        await WaitUntilAsync(() => _others.Reason == "low on memory");
        _own.Raise(PublisherAlarm.Disk);
        await WaitUntilAsync(() => _others.Reason == "low on memory & disk");

        _own.Clear(PublisherAlarm.Disk);
        _own.Clear(PublisherAlarm.Memory);
        await WaitUntilAsync(() => !_others.IsRaised);
        Assert.Empty(_others.Own.Raised);
    }

    [Fact]
    public async Task Alarm_RaisedBeforeTheOtherCame_IsToldWhenItComes()
    {
        _own.Raise(PublisherAlarm.Store);
        Meet();
        await WaitUntilAsync(() => _others.Reason == "the store is out of reach");
    }

    [Fact]
    public async Task Alarm_OfAMemberThatIsGone_IsGoneWithIt()
    {
        await _there.StartAsync(CancellationToken.None);
        Meet();
        _own.Raise(PublisherAlarm.Memory);
        await WaitUntilAsync(() => _others.IsRaised);

        _membersThere.Lose("here");
        Assert.False(_others.IsRaised);

        // What comes late does not hold publishers for ever.
        Assert.False(_there.Take("here", 7, [PublisherAlarm.Memory]));
        Assert.False(_others.IsRaised);
        await _there.StopAsync(CancellationToken.None);
    }

    [Fact]
    public async Task Alarm_OtherDoesNotAnswer_IsToldAgainAndOnlyWhatIsRaisedThen()
    {
        _reached.Fails = true;
        Meet();
        _own.Raise(PublisherAlarm.Memory);
        await WaitUntilAsync(() => _reached.Calls > 0);
        _own.Raise(PublisherAlarm.Disk);
        _own.Clear(PublisherAlarm.Memory);
        _reached.Fails = false;
        await WaitUntilAsync(() =>
        {
            _clock.Advance(TimeSpan.FromMilliseconds(250));
            return _others.Reason == "low on disk";
        });
    }

    [Fact]
    public void Alarm_ToldLate_ChangesNothing()
    {
        Meet();
        Assert.True(_there.Take("here", 3, []));
        Assert.True(_there.Take("here", 2, [PublisherAlarm.Memory]));
        Assert.False(_others.IsRaised);
    }

    private void Meet()
    {
        _membersThere.Add("here", _reached);
        _membersHere.Add("there", _reached);
    }

    private static async Task WaitUntilAsync(Func<bool> condition)
    {
        using var limit = new CancellationTokenSource(Limit);
        while (!condition())
        {
            await Task.Delay(1, limit.Token);
        }
    }

    /// <summary>The other member, as calls reach it.</summary>
    private sealed class Reached(ClusterAlarms alarms) : IMemberService
    {
        private int _calls;

        public bool Fails { get; set; }

        public int Calls => Volatile.Read(ref _calls);

        public Task<bool> SetAlarmsAsync(string from, long version, PublisherAlarm[] raised)
        {
            Interlocked.Increment(ref _calls);
            return Fails ? Task.FromException<bool>(new TimeoutException("lost")) : Task.FromResult(alarms.Take(from, version, raised));
        }

        public Task<ReplyReceipt> PostAsync(string from, long number, MessageBatch replies) => throw new NotSupportedException("no replies here");

        public Task<bool> IsWaitingAsync(string address) => throw new NotSupportedException("no replies here");

        public Task<LeaseAnswer> RenewAsync(string from) => throw new NotSupportedException("no leases here");

        public Task<TimeSpan> CloseLeaseAsync(string member) => throw new NotSupportedException("no leases here");

        public Task<int> CountConnectionsAsync(string? vhost, string? user) => throw new NotSupportedException("no connections here");

        public Task<int> CountChannelsAsync(string user) => throw new NotSupportedException("no channels here");

        public Task<int> CountQueuesAsync() => throw new NotSupportedException("no queues here");

        public Task<int> MoveQueuesAsync(SiloAddress to, int count) => throw new NotSupportedException("no queues here");

        public Task<SessionId[]> FindGoneSessionsAsync(SessionId[] sessions) => throw new NotSupportedException("no sessions here");

        public Task<bool> ReachesDatabaseAsync() => throw new NotSupportedException("no database here");

        public Task<MemberFigures> TellFiguresAsync(FigureKinds kinds, string? queue) => throw new NotSupportedException("no figures here");

        public Task<HistoryFigure[]> TellHistoriesAsync(HistoryQuery query) => throw new NotSupportedException("no figures here");

        public Task<bool> CloseConnectionAsync(Guid connection, string reason) => throw new NotSupportedException("no connections here");
    }
}
