namespace Granary.Core;

/// <summary>One client connection, unique over all gateways and all time: the owner of exclusive queues.</summary>
[GenerateSerializer, Immutable]
public readonly record struct ConnectionId([property: Id(0)] Guid Value)
{
    public static ConnectionId New() => new(Guid.NewGuid());
}
