using Granary.Core.Alarms;
using Granary.Core.Figures;
using Granary.Core.Links;
using Granary.Core.Members;
using Granary.Core.Messages;
using Granary.Core.Topology;
using Granary.Testing.Members;
using Microsoft.Extensions.Logging.Abstractions;

namespace Granary.Gateway.Tests.Figures;

/// <summary>What members of a cluster tell, put together.</summary>
public sealed class MemberFiguresTests
{
    private static readonly QueueDeclaration Durable = new(default, Durable: true, Exclusive: false, AutoDelete: false, default, ReservedNameAllowed: false);

    private readonly FakeMembers _members = new("own");
    private readonly Part _own = new(new MemberFigures { Queues = [Queue("a", ready: 1)] });

    [Fact]
    public async Task Picture_OfSeveralMembers_HasAllTheirQueuesWithTheirNodes()
    {
        _members.Add("other", new Member("there", new MemberFigures { Queues = [Queue("b", ready: 2)], Connections = [new ConnectionFigure(Guid.NewGuid(), "c")] }));
        var picture = await FiguresOf().TakeAsync(FigureKinds.Queues | FigureKinds.Connections, CancellationToken.None);

        var here = picture.Node;
        Assert.Equal([("%2F/a", here), ("%2F/b", "rabbit@there")], picture.Queues.Select(queue => (queue.Figure.Key, queue.Node)).Order());
        Assert.Equal("rabbit@there", Assert.Single(picture.Connections).Node);
        Assert.Equal([here, "rabbit@there"], picture.Nodes.Select(node => node.Node));
    }

    [Fact]
    public async Task Picture_OfMembersOfWhichOneFails_HasThoseOfTheOthers()
    {
        _members.Add("failing", new Member("there", null));
        Assert.Equal("%2F/a", Assert.Single((await FiguresOf().TakeAsync(FigureKinds.Queues, CancellationToken.None)).Queues).Figure.Key);
    }

    [Fact]
    public async Task Picture_OfAStoreThatAnotherMemberHas_LeavesOutWhatWasDeletedAndCountsWhatNobodyUses()
    {
        _members.Add("other", new Member("there", new MemberFigures
        {
            EndedQueues = ["%2F/ended"],
            Stored = new StoredFigures
            {
                Queues = [Queue("a", ready: 0) with { IsActive = false }, Queue("ended", ready: 0) with { IsActive = false }, Queue("unused", ready: 0) with { IsActive = false }],
                Messages = new Dictionary<string, long> { ["%2F/a"] = 99, ["%2F/unused"] = 5 },
            },
        }));
        var picture = await FiguresOf().TakeAsync(FigureKinds.Queues | FigureKinds.Stored, CancellationToken.None);
        Assert.Equal([("%2F/a", 1L), ("%2F/unused", 5L)], picture.Queues.Select(queue => (queue.Figure.Key, queue.Figure.Ready)).Order());
    }

    [Fact]
    public async Task Connection_OfAnotherMember_IsClosedThere()
    {
        var other = new Member("there", MemberFigures.None) { Connection = Guid.NewGuid() };
        _members.Add("other", other);
        Assert.True(await FiguresOf().CloseConnectionAsync(other.Connection, "enough", CancellationToken.None));
        Assert.Equal("enough", other.Closed);
        Assert.False(await FiguresOf().CloseConnectionAsync(Guid.NewGuid(), "enough", CancellationToken.None));
    }

    [Fact]
    public async Task History_OfSeveralMembers_IsTheSumOfTheirs()
    {
        var range = new HistoryRange(0, 5_000, 2);
        _members.Add("one", new Member("one", MemberFigures.None) { Histories = [new HistoryFigure("%2F/x", 0, [[1, 2]])] });
        _members.Add("two", new Member("two", MemberFigures.None) { Histories = [new HistoryFigure("%2F/x", 1, [[0, 40]]), new HistoryFigure("%2F/y", 0, [[3]])] });
        _members.Add("old", new Member("old", MemberFigures.None));
        var own = new OwnHistories(new NodeHistory(new SampleTimes(1), TimeProvider.System), [], TimeProvider.System);
        var histories = new ClusterHistories(own, TimeProvider.System, NullLogger<ClusterHistories>.Instance, _members);
        var told = await histories.TakeAsync(new HistoryQuery(HistorySubject.Exchange, range, null), CancellationToken.None);
        Assert.Equal(["%2F/x", "%2F/y"], told.Keys.Order());
        Assert.Equal([1L, 42L], told["%2F/x"].Numbers[0]);
    }

    private static QueueFigure Queue(string name, long ready) => new($"%2F/{name}", Durable) { IsActive = true, Ready = ready };

    private ClusterFigures FiguresOf()
    {
        var process = new ProcessFigures(MemoryLimit.OfBytes(1), new PublisherAlarms(), new OwnSilo());
        return new ClusterFigures(new OwnFigures(process, new NodeHistory(new SampleTimes(1), TimeProvider.System), [_own]), [], TimeProvider.System, NullLogger<ClusterFigures>.Instance, _members);
    }

    private sealed class Part(MemberFigures has) : IFigureSource
    {
        public ValueTask<MemberFigures> AddAsync(MemberFigures figures, FigureKinds kinds, string? queue, CancellationToken cancellation) =>
            ValueTask.FromResult(has with { Node = figures.Node });
    }

    private sealed class OwnSilo : ILocalSiloDetails
    {
        public string Name => "own";

        public string ClusterId => "c";

        public string DnsHostName => "own";

        public SiloAddress SiloAddress { get; } = SiloAddress.New(new System.Net.IPEndPoint(System.Net.IPAddress.Loopback, 1), 0);

        public SiloAddress GatewayAddress => SiloAddress;
    }

    /// <param name="has">Null: it does not answer.</param>
    private sealed class Member(string host, MemberFigures? has) : IMemberService
    {
        public Guid Connection { get; init; }

        public string? Closed { get; private set; }

        /// <summary>Null: it knows of no such question.</summary>
        public HistoryFigure[]? Histories { get; init; }

        public Task<MemberFigures> TellFiguresAsync(FigureKinds kinds, string? queue) => has is null
            ? Task.FromException<MemberFigures>(new InvalidOperationException("it is of an earlier version"))
            : Task.FromResult(has with { Node = new NodeFigure(host), Stored = (kinds & FigureKinds.Stored) == 0 ? null : has.Stored });

        public Task<HistoryFigure[]> TellHistoriesAsync(HistoryQuery query) => Histories is null
            ? Task.FromException<HistoryFigure[]>(new InvalidOperationException("it is of an earlier version"))
            : Task.FromResult(Histories);

        public Task<bool> CloseConnectionAsync(Guid connection, string reason)
        {
            Closed = connection == Connection ? reason : Closed;
            return Task.FromResult(connection == Connection);
        }

        public Task<ReplyReceipt> PostAsync(string from, long number, MessageBatch replies) => throw new NotSupportedException("no replies here");

        public Task<bool> IsWaitingAsync(string address) => throw new NotSupportedException("no replies here");

        public Task<bool> SetAlarmsAsync(string from, long version, PublisherAlarm[] raised) => throw new NotSupportedException("no alarms here");

        public Task<LeaseAnswer> RenewAsync(string from) => throw new NotSupportedException("no leases here");

        public Task<TimeSpan> CloseLeaseAsync(string member) => throw new NotSupportedException("no leases here");

        public Task<int> CountQueuesAsync() => throw new NotSupportedException("no queues here");

        public Task<int> MoveQueuesAsync(SiloAddress to, int count) => throw new NotSupportedException("no queues here");

        public Task<SessionId[]> FindGoneSessionsAsync(SessionId[] sessions) => throw new NotSupportedException("no sessions here");

        public Task<int> CountConnectionsAsync(string? vhost, string? user) => throw new NotSupportedException("no connections here");

        public Task<int> CountChannelsAsync(string user) => throw new NotSupportedException("no channels here");

        public Task<bool> ReachesDatabaseAsync() => throw new NotSupportedException("no database here");
    }
}
