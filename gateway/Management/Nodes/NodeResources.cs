using Granary.Core.Figures;
using Granary.Gateway.Management.Frame;

namespace Granary.Gateway.Management.Nodes;

/// <summary><c>/api/nodes</c>.</summary>
internal sealed class NodeResources(ClusterFigures figures) : IResource
{
    public void Map(ApiRoutes routes)
    {
        routes.Get("/nodes", Need.Monitor, ListAsync);
        routes.Get("/nodes/{name}", Need.Monitor, GetAsync);
        routes.Get("/nodes/{name}/memory", Need.Monitor, GetMemoryAsync);
    }

    private async Task ListAsync(ApiCall call)
    {
        var picture = await figures.TakeAsync(FigureKinds.Node, call.Aborted).ConfigureAwait(false);
        await call.ReplyListAsync([.. picture.Nodes.Select(node => NodeJson.Of(node))], ApiJson.Default.NodeJson, static node => node.Name).ConfigureAwait(false);
    }

    private async Task GetAsync(ApiCall call) => await call.ReplyAsync(NodeJson.Of(await FindAsync(call).ConfigureAwait(false)), ApiJson.Default.NodeJson).ConfigureAwait(false);

    private async Task GetMemoryAsync(ApiCall call)
    {
        var node = await FindAsync(call).ConfigureAwait(false);
        await call.ReplyAsync(new MemoryJson(new MemoryTotals(new MemoryTotal(node.Figure.MemoryUsed, node.Figure.MemoryUsed, node.Figure.MemoryUsed), "rss")), ApiJson.Default.MemoryJson)
            .ConfigureAwait(false);
    }

    private async Task<Placed<NodeFigure>> FindAsync(ApiCall call)
    {
        var name = call.Segments[1];
        var picture = await figures.TakeAsync(FigureKinds.Node, call.Aborted).ConfigureAwait(false);
        foreach (var node in picture.Nodes)
        {
            if (node.Node == name)
            {
                return node;
            }
        }

        throw ApiException.NotFound();
    }
}

internal sealed record MemoryJson(MemoryTotals Memory);

internal sealed record MemoryTotals(MemoryTotal Total, string Strategy);

internal sealed record MemoryTotal(long Erlang, long Rss, long Allocated);
