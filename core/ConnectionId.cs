namespace Granary.Core;

/// <summary>One client connection, unique over all gateways and all time: the owner of exclusive queues.</summary>
/// <param name="Member">The member of the cluster that has the connection, as <see cref="Links.SiloLosses.Own"/> names it; null outside of a cluster.</param>
[GenerateSerializer, Immutable, Alias("granary.ConnectionId")]
public readonly record struct ConnectionId([property: Id(0)] Guid Value, [property: Id(1)] string? Member = null)
{
    public static ConnectionId New(string? member = null) => new(Guid.NewGuid(), member);
}
