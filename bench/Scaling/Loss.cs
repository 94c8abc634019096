namespace Granary.Bench.Scaling;

/// <summary>What clients of lost silos wait for, queue by queue.</summary>
/// <param name="Queues">That the silos had.</param>
/// <param name="Median">Seconds from the loss until a queue serves again.</param>
/// <param name="Percentile99">The same.</param>
/// <param name="Longest">The same.</param>
internal readonly record struct Outage(int Queues, double Median, double Percentile99, double Longest);

/// <summary>
/// Silos are lost: somebody notices, every member is told, gateways ask for the queues anew, their new silos take them over from the database, a few at a time, and give nothing before the gateways of all sessions have come.
/// Each queue has a publisher at one gateway and a consumer at another.
/// </summary>
internal sealed class Loss(Assumptions given, Random random)
{
    private readonly PriorityQueue<Action<double>, double> _due = new();
    private readonly List<double> _served = [];

    /// <param name="databaseLoad">The share of the databases' processor time that messages take.</param>
    public Outage Simulate(Spread spread, HashSet<int> silos, (double From, double To) noticed, double databaseLoad)
    {
        var (from, to) = noticed;
        var moved = spread.Lose(silos);
        var told = silos.Select(_ => from + ((to - from) * random.NextDouble())).Max();
        double[] knows = [.. Enumerable.Range(0, given.Gateways).Select(_ => told + ((given.Silos + given.Gateways) * given.TellCost / 1000 * random.NextDouble()))];
        var free = Math.Max(1, (int)(given.DatabaseCores * (1 - databaseLoad)));
        Desk[] databases = [.. Enumerable.Range(0, given.Databases).Select(_ => new Desk(free))];
        Desk[] takers = [.. Enumerable.Range(0, given.Silos).Select(_ => new Desk(given.TakeOversAtOnce))];
        foreach (var queue in moved)
        {
            var publisher = knows[random.Next(given.Gateways)];
            var consumer = knows[random.Next(given.Gateways)];
            var (database, taker) = (databases[spread.DatabaseOf(queue)], takers[spread.Place[queue]]);
            At(Math.Min(publisher, consumer), now => taker.Enter(now, begun => database.Enter(begun, asked =>
                At(asked + (given.TakeOverCost.Database / 1000), answered =>
                {
                    database.Leave(answered);
                    At(Math.Max(answered, begun + (given.TakeOverTime / 1000)), taken =>
                    {
                        taker.Leave(taken);
                        _served.Add(Math.Max(taken, Math.Max(publisher, consumer)));
                    });
                }))));
        }

        while (_due.TryDequeue(out var happens, out var now))
        {
            happens(now);
        }

        _served.Sort();
        return moved.Count == 0 ? default : new Outage(moved.Count, At(0.5), At(0.99), _served[^1]);
    }

    private double At(double share) => _served[(int)((_served.Count - 1) * share)];

    private void At(double time, Action<double> what) => _due.Enqueue(what, time);

    /// <summary>Serves some at once, and the others in the order in which they came.</summary>
    private sealed class Desk(int places)
    {
        private readonly Queue<Action<double>> _waiting = new();
        private int _free = places;

        public void Enter(double now, Action<double> begin)
        {
            if (_free > 0)
            {
                _free--;
                begin(now);
            }
            else
            {
                _waiting.Enqueue(begin);
            }
        }

        public void Leave(double now)
        {
            if (_waiting.TryDequeue(out var next))
            {
                next(now);
            }
            else
            {
                _free++;
            }
        }
    }
}
