using System.Net;
using Granary.Core.Grains;
using Granary.Silo.Placement;
using Orleans.Runtime.Placement;

namespace Granary.Silo.Tests.Placement;

/// <summary>Which silo gets a queue.</summary>
public sealed class SpreadPlacementTests
{
    private const int Queues = 3_000;

    private static readonly SiloAddress[] Silos =
        [.. Enumerable.Range(0, 3).Select(i => SiloAddress.New(new IPEndPoint(IPAddress.Loopback, 11111 + i), 154_859_349 + i))];

    private static readonly uint[] Grains =
        [.. Enumerable.Range(0, Queues).Select(i => GrainId.Create("queue", GrainKeys.For("/", $"orders.{i}")).GetUniformHashCode())];

    [Fact]
    public void Choose_ForThousandsOfNames_GivesEachSiloItsShare()
    {
        var counts = Grains.CountBy(grain => SpreadPlacementDirector.Choose(grain, Silos)).Select(pair => pair.Value).ToArray();

        Assert.Equal(3, counts.Length);
        Assert.All(counts, count => Assert.InRange(count, (Queues / 3) - 150, (Queues / 3) + 150));
    }

    [Fact]
    public void Choose_InAnyOrderOfTheSilos_IsTheSame() =>
        Assert.All(Grains, grain => Assert.Equal(SpreadPlacementDirector.Choose(grain, Silos), SpreadPlacementDirector.Choose(grain, [Silos[2], Silos[0], Silos[1]])));

    [Theory]
    [InlineData(0)]
    [InlineData(1)]
    [InlineData(2)]
    public async Task Place_QueueThatIsWantedNear_IsWhereItIsAskedFor(int asking) =>
        Assert.All(await PlaceAsync("queue", asking, Silos, new() { [NearCaller.ContextKey] = true }), place => Assert.Equal(Silos[asking], place));

    [Fact]
    public async Task Place_WantedNearAProcessWithoutQueues_IsWhereItWouldBeAnyhow()
    {
        var others = Silos[1..];

        Assert.Equal(await PlaceAsync("queue", 0, others, []), await PlaceAsync("queue", 0, others, new() { [NearCaller.ContextKey] = true }));
    }

    [Fact]
    public async Task Place_ExchangeThatIsAskedForByTheWay_IsWhereItWouldBeAnyhow() =>
        Assert.Equal(await PlaceAsync("exchange", 0, Silos, []), await PlaceAsync("exchange", 0, Silos, new() { [NearCaller.ContextKey] = true }));

    [Fact]
    public void Choose_WhenASiloIsGone_MovesItsShareAlone()
    {
        foreach (var grain in Grains)
        {
            var before = SpreadPlacementDirector.Choose(grain, Silos);
            var after = SpreadPlacementDirector.Choose(grain, [Silos[0], Silos[2]]);
            Assert.True(before.Equals(after) || before.Equals(Silos[1]));
        }
    }

    private static async Task<SiloAddress[]> PlaceAsync(string type, int asking, SiloAddress[] silos, Dictionary<string, object> context)
    {
        var director = new SpreadPlacementDirector();
        return await Task.WhenAll(Enumerable.Range(0, 50).Select(i => director.OnAddActivation(
            new SpreadPlacement(), new PlacementTarget(GrainId.Create(type, GrainKeys.For("/", $"orders.{i}")), context, default, 0), new Asking(Silos[asking], silos))));
    }

    /// <summary>The process that places.</summary>
    private sealed class Asking(SiloAddress own, SiloAddress[] silos) : IPlacementContext
    {
        public SiloAddress LocalSilo => own;

        public SiloStatus LocalSiloStatus => SiloStatus.Active;

        public SiloAddress[] GetCompatibleSilos(PlacementTarget target) => silos;

        public IReadOnlyDictionary<ushort, SiloAddress[]> GetCompatibleSilosWithVersions(PlacementTarget target) => throw new NotSupportedException();
    }
}
