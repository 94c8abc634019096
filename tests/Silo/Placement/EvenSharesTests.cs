using System.Net;
using Granary.Silo.Placement;

namespace Granary.Silo.Tests.Placement;

/// <summary>Which silo gives how many queues to which other.</summary>
public sealed class EvenSharesTests
{
    [Theory]
    [InlineData("", "")]
    [InlineData("7", "")]
    [InlineData("3 3 3", "")]
    [InlineData("4 3 3", "")]
    [InlineData("10 0", "0>1:5")]
    [InlineData("9 0 0", "0>1:3 0>2:3")]
    [InlineData("0 5 7", "1>0:1 2>0:3")]
    [InlineData("1 0 0 0", "")]
    [InlineData("6 6 0", "0>2:2 1>2:2")]
    public void Of_SomeCounts_MovesNoMoreThanNeeded(string counts, string expected)
    {
        var moves = EvenShares.Of(Silos([.. counts.Split(' ', StringSplitOptions.RemoveEmptyEntries).Select(int.Parse)]));

        Assert.Equal(expected, string.Join(' ', moves.Select(move => $"{Number(move.From)}>{Number(move.To)}:{move.Count}").Order()));
    }

    [Fact]
    public void Of_AnyCounts_LeavesEachSiloWithItsShare()
    {
        var random = new Random(1);
        for (var round = 0; round < 500; round++)
        {
            var now = Enumerable.Range(0, random.Next(1, 8)).Select(_ => random.Next(0, 40)).ToArray();
            var after = now.ToArray();
            foreach (var move in EvenShares.Of(Silos(now)))
            {
                after[Number(move.From)] -= move.Count;
                after[Number(move.To)] += move.Count;
            }

            Assert.Equal(now.Sum(), after.Sum());
            Assert.InRange(after.Max() - after.Min(), 0, 1);
        }
    }

    private static (SiloAddress Silo, int Queues)[] Silos(int[] counts) => [.. counts.Select((count, number) => (SiloAddress.New(new IPEndPoint(IPAddress.Loopback, number + 1), 1), count))];

    private static int Number(SiloAddress silo) => silo.Endpoint.Port - 1;
}
