using System.Net;
using Granary.Core.Grains;
using Granary.Silo.Placement;

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
}
