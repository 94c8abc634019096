namespace Granary.Bench.Scaling;

/// <summary>
/// Queues on silos as the broker places them: each silo has a number for a queue's name, and the highest takes it (silo/Placement/SpreadPlacement). A queue's database is chosen by its name, and its silo is one of that database's.
/// </summary>
internal sealed class Spread
{
    private readonly uint[] _names;
    private readonly uint[] _silos;
    private readonly int[][] _silosOf;
    private readonly Random _random;

    public Spread(Assumptions given)
    {
        _random = new Random(given.Seed);
        _names = Hashes(given.Queues);
        _silos = Hashes(given.Silos);
        _silosOf = [.. Enumerable.Range(0, given.Databases).Select(database => Enumerable.Range(0, given.Silos).Where(silo => silo % given.Databases == database).ToArray())];
        Place = [.. _names.Select((_, queue) => Best(queue, _silosOf[DatabaseOf(queue)]))];
    }

    /// <summary>The silo of each queue.</summary>
    public int[] Place { get; }

    public int DatabaseOf(int queue) => (int)(_names[queue] % (uint)_silosOf.Length);

    public int DatabaseOfSilo(int silo) => silo % _silosOf.Length;

    /// <summary>How many queues each silo has.</summary>
    public int[] Counts()
    {
        var counts = new int[_silos.Length];
        foreach (var silo in Place)
        {
            counts[silo]++;
        }

        return counts;
    }

    /// <summary>The silos end, and their queues go to the others of their databases.</summary>
    /// <returns>Those queues.</returns>
    /// <exception cref="ArgumentException">A database has no silo left.</exception>
    public IReadOnlyList<int> Lose(params HashSet<int> silos)
    {
        int[][] left = [.. _silosOf.Select(all => all.Where(silo => !silos.Contains(silo)).ToArray())];
        if (left.Any(some => some.Length == 0))
        {
            throw new ArgumentException("All silos of one database are lost, and nobody can take their queues.", nameof(silos));
        }

        List<int> moved = [];
        for (var queue = 0; queue < Place.Length; queue++)
        {
            if (silos.Contains(Place[queue]))
            {
                Place[queue] = Best(queue, left[DatabaseOf(queue)]);
                moved.Add(queue);
            }
        }

        return moved;
    }

    /// <summary>The silo comes again at another address, and takes the queues that it has the highest number for.</summary>
    /// <returns>How many those are.</returns>
    public int Join(int silo)
    {
        _silos[silo] = (uint)_random.Next();
        var moved = 0;
        for (var queue = 0; queue < Place.Length; queue++)
        {
            if (DatabaseOf(queue) == DatabaseOfSilo(silo) && Number(queue, silo) > Number(queue, Place[queue]))
            {
                Place[queue] = silo;
                moved++;
            }
        }

        return moved;
    }

    private int Best(int queue, int[] silos)
    {
        var (best, highest) = (silos[0], 0UL);
        foreach (var silo in silos)
        {
            if (Number(queue, silo) is var number && number >= highest)
            {
                (best, highest) = (silo, number);
            }
        }

        return best;
    }

    private ulong Number(int queue, int silo)
    {
        var value = ((ulong)_names[queue] << 32) | _silos[silo];
        value = (value ^ (value >> 30)) * 0xbf58476d1ce4e5b9;
        value = (value ^ (value >> 27)) * 0x94d049bb133111eb;
        return value ^ (value >> 31);
    }

    private uint[] Hashes(int count) => [.. Enumerable.Range(0, count).Select(_ => (uint)_random.NextInt64(1L << 32))];
}
