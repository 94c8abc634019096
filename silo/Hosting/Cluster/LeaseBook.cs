using Granary.Core.Members;
using Granary.Core.Routing;

namespace Granary.Silo.Hosting.Cluster;

/// <summary>When this silo, which has queues, last heard from each gateway (<see cref="GatewayLease"/>).</summary>
internal sealed class LeaseBook(IMembers members, TimeProvider clock)
{
    private readonly Lock _gate = new();
    private readonly Dictionary<string, long> _heard = new(StringComparer.Ordinal);

    // The names of members that were declared dead, with when they were last heard. There are never so many that they would have to be forgotten.
    private readonly Dictionary<string, long> _closed = new(StringComparer.Ordinal);

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

            _heard[gateway] = clock.GetTimestamp();
            return LeaseAnswer.Renewed;
        }
    }

    /// <summary>The gateway is dead: it is answered so from now on.</summary>
    /// <returns>How long it may go on, for all that was ever answered here.</returns>
    public TimeSpan Close(string gateway)
    {
        lock (_gate)
        {
            if (!_closed.ContainsKey(gateway))
            {
                if (!_heard.Remove(gateway, out var heard))
                {
                    heard = clock.GetTimestamp() - (long)(SnapshotLease.Length.TotalSeconds * clock.TimestampFrequency);
                }

                _closed.Add(gateway, heard);
            }

            var left = SnapshotLease.Length - clock.GetElapsedTime(_closed[gateway]);
            return left > TimeSpan.Zero ? left : TimeSpan.Zero;
        }
    }
}
