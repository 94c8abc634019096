using Granary.Gateway.Hosting;

namespace Granary.Node;

/// <summary>What a node is, and where its things are.</summary>
internal sealed record NodeOptions(NodeRole Role, StoreKind Store, string? Connection, DirectoryInfo Data, GatewayOptions Gateway);

internal enum NodeRole
{
    /// <summary>Silo and gateway in one process.</summary>
    Both,

    Silo,

    Gateway,
}

internal enum StoreKind
{
    /// <summary>Nothing is kept: what there is until the stores are.</summary>
    Memory,
}
