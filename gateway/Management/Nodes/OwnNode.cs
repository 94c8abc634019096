using Granary.Core.Figures;
using Granary.Gateway.Management.Frame;

namespace Granary.Gateway.Management.Nodes;

/// <summary>Requests that only the node that they name can answer.</summary>
internal static class OwnNode
{
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
