namespace Granary.Silo.Queues.Consumers;

/// <summary>
/// Consumers of which some were given another priority than the rest (x-priority): the highest come first while they have credit, equal ones take turns. One under
/// a shared limit has credit unless its gateway has said that nothing is left of the limit; until that is asked and answered lower ones wait.
/// </summary>
internal sealed class PriorityTurns : IDispatchRule
{
    /// <summary>The highest first.</summary>
    private readonly List<Level> _levels = [];

    /// <param name="turns">The rule until now.</param>
    /// <param name="members">Those who are consumers already, none of them with a priority.</param>
    public PriorityTurns(EqualTurns turns, IReadOnlyCollection<Consumer> members)
    {
        if (members.Count > 0)
        {
            var level = new Level(0, turns.Ring) { Members = members.Count };
            level.Shared.UnionWith(members.Where(static consumer => consumer.IsShared));
            _levels.Add(level);
        }
    }

    public void Add(Consumer consumer)
    {
        var at = Find(consumer.Priority);
        if (at < 0)
        {
            at = ~at;
            _levels.Insert(at, new Level(consumer.Priority, new TurnRing()));
        }

        var level = _levels[at];
        level.Members++;
        level.Note(consumer);
        consumer.Ring = level.Ring;
    }

    public void Remove(Consumer consumer)
    {
        var at = Find(consumer.Priority);
        var level = _levels[at];
        level.Shared.Remove(consumer);
        if (--level.Members == 0)
        {
            _levels.RemoveAt(at);
        }
    }

    public void Share(Consumer consumer) => _levels[Find(consumer.Priority)].Note(consumer);

    public bool Choose() => false;

    public TurnRing? Next()
    {
        foreach (var level in _levels)
        {
            if (level.Ring.DropUnable())
            {
                return level.Ring;
            }

            if (level.HasToBeAsked)
            {
                return null;
            }
        }

        return null;
    }

    public bool MayAsk(Consumer consumer)
    {
        foreach (var level in _levels)
        {
            if (level.Priority <= consumer.Priority)
            {
                return true;
            }

            if (level.HasToBeAsked)
            {
                return false;
            }
        }

        return true;
    }

    public long Credit(long most)
    {
        var credit = 0L;
        foreach (var level in _levels)
        {
            credit += level.Ring.Credit(most);
            if (credit >= most || level.HasToBeAsked)
            {
                break;
            }
        }

        return credit;
    }

    public void Order() => _levels.ForEach(static level => level.Ring.Order());

    /// <summary>Where the level of a priority is, or the complement of where it belongs.</summary>
    private int Find(long priority)
    {
        int low = 0, high = _levels.Count;
        while (low < high)
        {
            var middle = (low + high) >>> 1;
            if (_levels[middle].Priority > priority)
            {
                low = middle + 1;
            }
            else
            {
                high = middle;
            }
        }

        return low < _levels.Count && _levels[low].Priority == priority ? low : ~low;
    }

    /// <summary>Consumers of one priority.</summary>
    private sealed class Level(long priority, TurnRing ring)
    {
        public long Priority => priority;

        public TurnRing Ring => ring;

        public int Members { get; set; }

        /// <summary>Those under shared limits.</summary>
        public HashSet<Consumer> Shared { get; } = [];

        /// <summary>There is one who might be lent something for the next message.</summary>
        public bool HasToBeAsked
        {
            get
            {
                foreach (var consumer in Shared)
                {
                    if (consumer.HasToBeAsked)
                    {
                        return true;
                    }
                }

                return false;
            }
        }

        public void Note(Consumer consumer) => _ = consumer.IsShared ? Shared.Add(consumer) : Shared.Remove(consumer);
    }
}
