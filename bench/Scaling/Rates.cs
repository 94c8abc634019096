namespace Granary.Bench.Scaling;

/// <summary>How many messages go through each queue: few queues carry many of them.</summary>
internal sealed class Rates
{
    private readonly double[] _perSecond;

    public Rates(Assumptions given)
    {
        _perSecond = [.. Enumerable.Range(1, given.Queues).Select(rank => Math.Pow(rank, -given.Skew))];
        var all = _perSecond.Sum();
        for (var queue = 0; queue < _perSecond.Length; queue++)
        {
            var wanted = given.MessagesPerSecond * _perSecond[queue] / all;
            Refused += Math.Max(0, wanted - given.QueueLimit);
            _perSecond[queue] = Math.Min(wanted, given.QueueLimit);
        }
    }

    /// <summary>Messages a second that queues were to carry beyond what one queue can.</summary>
    public double Refused { get; }

    public double Busiest => _perSecond[0];

    public double[] PerSilo(Spread spread, int silos) => Sum(silos, queue => spread.Place[queue]);

    public double[] PerDatabase(Spread spread, int databases) => Sum(databases, spread.DatabaseOf);

    /// <summary>Queues that have to be moved by name, the busiest first, each to the silo of its database with the least to do, until no silo has more than so many messages a second.</summary>
    /// <returns>How many; and what the busiest silo then has.</returns>
    public (int Moves, double Busiest) Level(Spread spread, Assumptions given, double limit)
    {
        var (load, moves) = (PerSilo(spread, given.Silos), 0);
        for (var queue = 0; queue < _perSecond.Length && load.Max() > limit; queue++)
        {
            var from = spread.Place[queue];
            var to = Enumerable.Range(0, given.Silos).Where(silo => spread.DatabaseOfSilo(silo) == spread.DatabaseOf(queue)).MinBy(silo => load[silo]);
            if (load[from] > limit && load[to] + _perSecond[queue] < load[from])
            {
                load[from] -= _perSecond[queue];
                load[to] += _perSecond[queue];
                moves++;
            }
        }

        return (moves, load.Max());
    }

    private double[] Sum(int places, Func<int, int> placeOf)
    {
        var sums = new double[places];
        for (var queue = 0; queue < _perSecond.Length; queue++)
        {
            sums[placeOf(queue)] += _perSecond[queue];
        }

        return sums;
    }
}
