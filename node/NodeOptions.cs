using Granary.Gateway.Hosting;
using Granary.Silo.Hosting;

namespace Granary.Node;

/// <summary>What a node is, and where its things are.</summary>
/// <param name="LocalLinks">Connections reach the queues of this process without calls.</param>
internal sealed record NodeOptions(NodeRole Role, bool LocalLinks, StoreOptions Store, GatewayOptions Gateway);

internal enum NodeRole
{
    /// <summary>Silo and gateway in one process.</summary>
    Both,

    Silo,

    Gateway,
}
