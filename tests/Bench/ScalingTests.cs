using Granary.Bench.Scaling;

namespace Granary.Bench.Tests;

public class ScalingTests
{
    private static readonly Assumptions Small = new() { Silos = 12, Gateways = 4, Queues = 6_000, Databases = 3, MessagesPerSecond = 100_000 };

    [Fact]
    public void Report_SameSeed_IsTheSame()
    {
        Assert.Equal(Page(Small), Page(Small));
        Assert.NotEqual(Page(Small), Page(Small with { Seed = 2 }));
    }

    [Fact]
    public void Spread_OfQueues_IsEvenAndStaysInEachQueuesDatabase()
    {
        var spread = new Spread(Small);
        var counts = spread.Counts();

        Assert.Equal(Small.Queues, counts.Sum());
        Assert.All(counts, count => Assert.InRange(count, 400, 600));
        Assert.All(Enumerable.Range(0, Small.Queues), queue => Assert.Equal(spread.DatabaseOf(queue), spread.DatabaseOfSilo(spread.Place[queue])));
    }

    [Fact]
    public void Lose_OneSilo_MovesItsQueuesAlone()
    {
        var spread = new Spread(Small);
        var before = spread.Place.ToArray();

        var moved = spread.Lose([5]);

        Assert.Equal(before.Count(silo => silo == 5), moved.Count);
        Assert.DoesNotContain(5, spread.Place);
        Assert.All(Enumerable.Range(0, Small.Queues).Except(moved), queue => Assert.Equal(before[queue], spread.Place[queue]));
    }

    [Fact]
    public void Lose_AllSilosOfADatabase_IsRefused() =>
        Assert.Throws<ArgumentException>(() => new Spread(Small).Lose([0, 3, 6, 9]));

    [Fact]
    public void Join_AfterALoss_TakesAShare()
    {
        var spread = new Spread(Small);
        spread.Lose([5]);

        var taken = spread.Join(5);

        Assert.Equal(taken, spread.Counts()[5]);
        Assert.InRange(taken, 400, 600);
    }

    [Fact]
    public void Loss_OfOneSilo_LastsFromTheNoticeToTheLastTakeOver()
    {
        var outage = new Loss(Small, new Random(1)).Simulate(new Spread(Small), [5], noticed: (1, 1), databaseLoad: 0);

        // About 500 queues over three silos, four at a time, 6 ms each: a quarter of a second.
        Assert.InRange(outage.Queues, 400, 600);
        Assert.InRange(outage.Median, 1.006, 1.2);
        Assert.InRange(outage.Longest, 1.2, 1.5);
    }

    [Fact]
    public void Loss_WithABusyDatabase_LastsLonger()
    {
        var slow = Small with { TakeOverCost = (2, 20) };

        var idle = new Loss(slow, new Random(1)).Simulate(new Spread(slow), [5], noticed: (1, 1), databaseLoad: 0);
        var busy = new Loss(slow, new Random(1)).Simulate(new Spread(slow), [5], noticed: (1, 1), databaseLoad: 0.9);

        Assert.True(busy.Longest > 2 * idle.Longest, $"{busy.Longest} and {idle.Longest}");
    }

    [Fact]
    public void Rates_BeyondWhatOneQueueCarries_AreCutOff()
    {
        var hot = Small with { MessagesPerSecond = 1_000_000, Skew = 2, QueueLimit = 100_000 };
        var rates = new Rates(hot);

        Assert.Equal(100_000, rates.Busiest);
        Assert.InRange(rates.Refused, 500_000, 1_000_000);
    }

    [Fact]
    public void Level_OfAnUnevenLoad_KeepsTheSumAndLowersTheBusiest()
    {
        var uneven = Small with { Skew = 1 };
        var (spread, rates) = (new Spread(uneven), new Rates(uneven));
        var before = rates.PerSilo(spread, uneven.Silos);

        var (moves, busiest) = rates.Level(spread, uneven, limit: before.Average() * 1.3);

        Assert.InRange(moves, 1, 1_000);
        Assert.InRange(busiest, before.Average(), before.Max() - 1);
    }

    [Fact]
    public void RollingRestart_OfAllSilos_MovesAQueueAFewTimes()
    {
        var restart = RollingRestart.Simulate(Small, new Spread(Small));

        // Each silo's queues leave it and some come to it: twice for each queue that stays in place, less where the restarted one is not chosen again.
        Assert.InRange(restart.MovesPerQueue, 1.5, 3);
        Assert.True(restart.Seconds > 4 * (Small.Joining.Restart + Small.Joining.Calm));
    }

    [Theory]
    [InlineData(1, 1)]
    [InlineData(5, 3)]
    public void Check_FewerThanTwoSilosToADatabase_IsRefused(int silos, int databases) =>
        Assert.Throws<ArgumentException>((Small with { Silos = silos, Databases = databases }).Check);

    private static string Page(Assumptions given)
    {
        using var page = new StringWriter();
        new Report(given, page).Write();
        return page.ToString();
    }
}
