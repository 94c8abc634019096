using System.Collections.Immutable;
using Granary.Core.Links;
using Granary.Silo.Hosting.Cluster;
using Microsoft.Extensions.Logging.Abstractions;
using Microsoft.Extensions.Time.Testing;

namespace Granary.Silo.Tests.Hosting.Cluster;

public sealed class DeparturesTests
{
    private readonly FakeTimeProvider _time = new();
    private readonly Table _table = new();
    private readonly SiloLosses _losses;
    private readonly Departures _departures;

    public DeparturesTests()
    {
        _losses = new SiloLosses("this", _time);
        _departures = new Departures(_table, _losses, NullLogger<Departures>.Instance);
    }

    [Fact]
    public async Task Look_MemberGoneThatNobodyToldOf_NotesTheLossOnce()
    {
        _table.Stored = [SiloStatus.Active, SiloStatus.Dead];
        Assert.False(await _departures.LookAsync());
        var seen = Assert.NotNull(_losses.Last);

        _time.Advance(TimeSpan.FromSeconds(5));
        Assert.False(await _departures.LookAsync());

        Assert.Equal(seen, _losses.Last);
        Assert.Equal(0, _losses.Count);
    }

    [Fact]
    public async Task Look_MemberThatWasGoneBeforeTheStart_IsNoLoss()
    {
        _table.Stored = [SiloStatus.Active, SiloStatus.Dead];
        await _table.Refresh();
        await _departures.StartAsync(CancellationToken.None);

        Assert.False(await _departures.LookAsync());
        Assert.Null(_losses.Last);
    }

    [Theory]
    [InlineData(SiloStatus.ShuttingDown, true)]
    [InlineData(SiloStatus.Stopping, true)]
    [InlineData(SiloStatus.Active, false)]
    [InlineData(SiloStatus.Joining, false)]
    public async Task Look_Member_IsLeaving(SiloStatus status, bool isLeaving)
    {
        _table.Stored = [status];

        Assert.Equal(isLeaving, await _departures.LookAsync());
    }

    [Fact]
    public async Task Look_TableOutOfReach_IsTakenForADeparture()
    {
        _table.Fails = true;

        Assert.True(await _departures.LookAsync());

        _table.Fails = false;
        Assert.False(await _departures.LookAsync());
    }

    [Fact]
    public async Task Look_WhileAnotherReads_ReadsOnceMoreForAllWhoCameMeanwhile()
    {
        _table.Held = new TaskCompletionSource();
        var running = _departures.LookAsync();
        await _table.Reading.Task;
        Task<bool>[] later = [_departures.LookAsync(), _departures.LookAsync()];
        _table.Stored = [SiloStatus.ShuttingDown];

        _table.Held.SetResult();
        await running;

        Assert.True(await later[0]);
        Assert.Same(later[0], later[1]);
    }

    /// <summary>The table of members, known here as it was when it was last read.</summary>
    private sealed class Table : IClusterMembershipService
    {
        public SiloStatus[] Stored { get; set; } = [];

        public bool Fails { get; set; }

        public TaskCompletionSource? Held { get; set; }

        public TaskCompletionSource Reading { get; } = new(TaskCreationOptions.RunContinuationsAsynchronously);

        public ClusterMembershipSnapshot CurrentSnapshot { get; private set; } = new(ImmutableDictionary<SiloAddress, ClusterMember>.Empty, new MembershipVersion(1));

        public IAsyncEnumerable<ClusterMembershipSnapshot> MembershipUpdates => throw new NotSupportedException();

        public async ValueTask Refresh(MembershipVersion minimumVersion = default, CancellationToken cancellationToken = default)
        {
            if (Fails)
            {
                throw new TimeoutException();
            }

            var members = Stored.Select((status, number) => new ClusterMember(SiloAddress.FromParsableString($"127.0.0.1:{1000 + number}@1"), status, "of no meaning"));
            var read = members.ToImmutableDictionary(member => member.SiloAddress);
            Reading.TrySetResult();
            await (Held?.Task ?? Task.CompletedTask);
            CurrentSnapshot = new ClusterMembershipSnapshot(read, new MembershipVersion(2));
        }

        public Task<bool> TryKill(SiloAddress siloAddress) => throw new NotSupportedException();
    }
}
