using Granary.Core.Members;
using Granary.Core.Routing;

namespace Granary.Silo.Hosting.Cluster;

/// <summary>When this silo, which has queues, last heard from each gateway (<see cref="GatewayLease"/>), and when it knew of the end of each member.</summary>
internal sealed class LeaseBook(IMembers members, TimeProvider clock, Standing standing)
{
    private readonly Lock _gate = new();
    private readonly Dictionary<string, long> _heard = new(StringComparer.Ordinal);

    // Members that were declared dead: since when they are answered so, and until when they may go on. There are never so many that they would have to be forgotten.
    private readonly Dictionary<string, (long Since, long Until)> _closed = new(StringComparer.Ordinal);

    public LeaseAnswer Renew(string gateway)
    {
        lock (_gate)
        {
            if (_closed.ContainsKey(gateway))
            {
                return LeaseAnswer.Dead;
            }

            if (members.Find(gateway) is null)
            {
                return LeaseAnswer.Unknown;
            }

            if (!standing.IsSure)
            {
                return LeaseAnswer.Unsure;
            }

            _heard[gateway] = clock.GetTimestamp();
            return LeaseAnswer.Renewed;
        }
    }

    /// <summary>The member is dead: it is answered so from now on.</summary>
    /// <returns>How long it may go on, for all that was ever answered here, or that it answers itself.</returns>
    public TimeSpan Close(string member)
    {
        lock (_gate)
        {
            if (!_closed.TryGetValue(member, out var end))
            {
                var now = clock.GetTimestamp();
                var until = _heard.Remove(member, out var heard) ? heard + Ticks(SnapshotLease.Length) : now;

                // One that has queues itself may have been sure of itself until now, and stops as long before others go on as with what it is answered.
                var own = standing.IsWithoutQueues(member) ? now : now + Ticks(Standing.Limit + SnapshotLease.Length - SnapshotLease.HolderLimit);
                _closed.Add(member, end = (now, Math.Max(until, own)));
            }

            return Left(end.Until);
        }
    }

    /// <summary>How long a member may go on after what silos have answered it that are dead themselves: each of them may have been sure of itself until it was known here to be dead.</summary>
    public TimeSpan LeftOfDead(string member)
    {
        lock (_gate)
        {
            var silos = _closed.Where(closed => closed.Key != member && !standing.IsWithoutQueues(closed.Key));
            return Left(silos.Select(static closed => closed.Value.Since).DefaultIfEmpty(long.MinValue / 2).Max() + Ticks(Standing.Limit + SnapshotLease.Length));
        }
    }

    private TimeSpan Left(long until)
    {
        var now = clock.GetTimestamp();
        return until > now ? clock.GetElapsedTime(now, until) : TimeSpan.Zero;
    }

    private long Ticks(TimeSpan time) => (long)(time.TotalSeconds * clock.TimestampFrequency);
}
