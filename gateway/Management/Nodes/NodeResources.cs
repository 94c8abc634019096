using Granary.Core.Figures;
using Granary.Gateway.Management.Frame;
using Granary.Gateway.Management.Histories;

namespace Granary.Gateway.Management.Nodes;

/// <summary><c>/api/nodes</c>.</summary>
internal sealed class NodeResources(ClusterFigures figures, HistoryReader histories) : IResource
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
        await call.ReplyListAsync(
            picture.Nodes, static node => NodeJson.Of(node), ApiJson.Default.NodeJson, static node => node.Node, page => AddHistoriesAsync(call, page)).ConfigureAwait(false);
    }

    private async Task GetAsync(ApiCall call)
    {
        var told = await AddHistoriesAsync(call, [NodeJson.Of(await FindAsync(call).ConfigureAwait(false))]).ConfigureAwait(false);
        await call.ReplyAsync(told[0], ApiJson.Default.NodeJson).ConfigureAwait(false);
    }

    private Task<List<NodeJson>> AddHistoriesAsync(ApiCall call, List<NodeJson> nodes) => histories.AddAsync(
        call, HistorySubject.Node, nodes, static node => node.Address,
        (histories.RangesOf(call).NodeStats, static (node, history) => node.WithStats(history)));

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
