using Granary.Core.Figures;
using Granary.Gateway.Management.Frame;

namespace Granary.Gateway.Management.Nodes;

/// <summary>Requests that name a node.</summary>
internal static class OwnNode
{
    /// <param name="segment">Where the node's name is in the path.</param>
    /// <exception cref="ApiException">404: the cluster has no such node.</exception>
    public static async Task RequireMemberAsync(this ClusterFigures figures, ApiCall call, int segment)
    {
        if ((await figures.TakeAsync(FigureKinds.Node, call.Aborted).ConfigureAwait(false)).Nodes.All(node => node.Node != call.Segments[segment]))
        {
            throw ApiException.NotFound();
        }
    }

    /// <summary>For what the node alone can answer that is named.</summary>
    /// <param name="segment">Where the node's name is in the path.</param>
    /// <exception cref="ApiException">404: it is another node than the one that is asked, or none.</exception>
    public static async Task RequireOwnAsync(this ClusterFigures figures, ApiCall call, int segment = 1)
    {
        if (call.Segments[segment] != (await figures.TakeAsync(FigureKinds.Node, call.Aborted).ConfigureAwait(false)).Node)
        {
            throw ApiException.NotFound();
        }
    }
}
