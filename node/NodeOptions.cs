using Granary.Gateway.Hosting;
using Granary.Silo.Hosting;

namespace Granary.Node;

/// <summary>What a node is, and where its things are.</summary>
internal sealed record NodeOptions(NodeRole Role, StoreOptions Store, GatewayOptions Gateway);

internal enum NodeRole
{
    /// <summary>Silo and gateway in one process.</summary>
    Both,

    Silo,

    Gateway,
}
