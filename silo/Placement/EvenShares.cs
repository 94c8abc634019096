namespace Granary.Silo.Placement;

/// <param name="Count">Of queues.</param>
internal readonly record struct ShareMove(SiloAddress From, SiloAddress To, int Count);

/// <summary>Which silo gives how many queues to which other, so that all have as many, give or take one, and as few as possible move.</summary>
internal static class EvenShares
{
    public static IReadOnlyList<ShareMove> Of(IReadOnlyCollection<(SiloAddress Silo, int Queues)> now)
    {
        if (now.Count < 2)
        {
            return [];
        }

        // What does not divide evenly stays with those that have the most.
        var (share, rest) = Math.DivRem(now.Sum(silo => silo.Queues), now.Count);
        var over = now.OrderByDescending(silo => silo.Queues).Select((silo, rank) => (silo.Silo, By: silo.Queues - share - (rank < rest ? 1 : 0))).ToArray();
        var givers = new Queue<(SiloAddress Silo, int By)>(over.Where(silo => silo.By > 0));
        List<ShareMove> moves = [];
        foreach (var (to, by) in over.Where(silo => silo.By < 0))
        {
            for (var missing = -by; missing > 0;)
            {
                var (from, has) = givers.Dequeue();
                var given = Math.Min(has, missing);
                moves.Add(new ShareMove(from, to, given));
                missing -= given;
                if (has > given)
                {
                    givers = new([(from, has - given), .. givers]);
                }
            }
        }

        return moves;
    }
}
