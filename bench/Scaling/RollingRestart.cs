namespace Granary.Bench.Scaling;

/// <summary>All silos are restarted, one after the other at each database, all databases at once.</summary>
/// <param name="MovesPerQueue">How often a queue changes its silo, in the mean.</param>
/// <param name="Seconds">Until the last one has its queues.</param>
internal readonly record struct RollingRestart(double MovesPerQueue, double Seconds)
{
    public static RollingRestart Simulate(Assumptions given, Spread spread)
    {
        var seconds = new double[given.Databases];
        long moves = 0;
        for (var silo = 0; silo < given.Silos; silo++)
        {
            var database = spread.DatabaseOfSilo(silo);
            var gone = spread.Lose([silo]).Count;
            var taken = spread.Join(silo);
            moves += gone + taken;

            // The one that leaves gives its queues away at its own pace; those that give some to the one that joins do so side by side, and the database or the taker is what limits.
            var takeOver = Math.Max(given.TakeOverCost.Database / 1000 / given.DatabaseCores, given.TakeOverTime / 1000 / given.TakeOversAtOnce);
            seconds[database] += given.Joining.Restart + given.Joining.Calm + (gone / given.MovesPerSecond) + (taken * takeOver);
        }

        return new RollingRestart((double)moves / given.Queues, seconds.Max());
    }
}
