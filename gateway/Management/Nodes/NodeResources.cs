using System.Text.Json;
using System.Text.Json.Nodes;
using Granary.Core.Figures;
using Granary.Gateway.Access;
using Granary.Gateway.Management.Frame;
using Granary.Gateway.Management.Histories;

namespace Granary.Gateway.Management.Nodes;

/// <summary><c>/api/nodes</c>.</summary>
internal sealed class NodeResources(ClusterFigures figures, HistoryReader histories, AuthenticationOptions authentication) : IResource
{
    public void Map(ApiRoutes routes)
    {
        routes.Get("/nodes", Need.Monitor, ListAsync);
        routes.Get("/nodes/{name}", Need.Monitor, GetAsync);
        routes.Get("/nodes/{name}/memory", Need.Monitor, async call =>
            await call.ReplyAsync(new MemoryJson(await MemoryAsync(call).ConfigureAwait(false)), ApiJson.Default.MemoryJson).ConfigureAwait(false));
        routes.Get("/nodes/{name}/memory/relative", Need.Monitor, async call =>
            await call.ReplyAsync(new JsonObject { ["memory"] = Shares(await MemoryAsync(call).ConfigureAwait(false)) }, ApiJson.Default.JsonObject).ConfigureAwait(false));
    }

    private async Task ListAsync(ApiCall call)
    {
        var picture = await figures.TakeAsync(FigureKinds.Node, call.Aborted).ConfigureAwait(false);
        await call.ReplyListAsync(
            picture.Nodes, node => NodeJson.Of(node, authentication.Mechanisms), ApiJson.Default.NodeJson, static node => node.Node, page => AddHistoriesAsync(call, page)).ConfigureAwait(false);
    }

    private async Task GetAsync(ApiCall call)
    {
        var told = await AddHistoriesAsync(call, [NodeJson.Of(await FindAsync(call).ConfigureAwait(false), authentication.Mechanisms)]).ConfigureAwait(false);
        await call.ReplyAsync(told[0], ApiJson.Default.NodeJson).ConfigureAwait(false);
    }

    private Task<List<NodeJson>> AddHistoriesAsync(ApiCall call, List<NodeJson> nodes) => histories.AddAsync(
        call, HistorySubject.Node, nodes, static node => node.Address,
        (histories.RangesOf(call).NodeStats, static (node, history) => node.WithStats(history)));

    // In percent of the whole; what there is at all is not 0.
    private static JsonObject Shares(MemoryTotals memory)
    {
        var shares = new JsonObject { ["total"] = 100 };
        foreach (var (name, part) in JsonSerializer.SerializeToNode(memory, ApiJson.Default.MemoryTotals)!.AsObject())
        {
            if (part is JsonValue value && value.TryGetValue(out long octets))
            {
                shares[name] = octets == 0 ? 0 : Math.Max(1, (long)Math.Round(100d * octets / memory.Total.Rss));
            }
        }

        return shares;
    }

    private async Task<MemoryTotals> MemoryAsync(ApiCall call)
    {
        var node = await FindAsync(call).ConfigureAwait(false);
        var memory = new MemoryTotals(new MemoryTotal(node.Figure.MemoryUsed, node.Figure.MemoryUsed, node.Figure.MemoryUsed), "rss");
        if (node.Figure.ProcessId == Environment.ProcessId && node.Node == (await figures.TakeAsync(FigureKinds.Node, call.Aborted).ConfigureAwait(false)).Node)
        {
            memory = memory.WithHeap(GC.GetGCMemoryInfo(GCKind.Any));
        }

        return memory;
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

/// <summary>What memory is used for; the parts of the heap only of the node that is asked, as the collector saw them last.</summary>
internal sealed record MemoryTotals(MemoryTotal Total, string Strategy)
{
    /// <summary>What was made since the last collections, and what has survived one.</summary>
    public long? YoungObjects { get; init; }

    /// <summary>What has survived several collections.</summary>
    public long? OldObjects { get; init; }

    /// <summary>Arrays of 85,000 octets and more.</summary>
    public long? LargeObjects { get; init; }

    /// <summary>What the system reads and writes while it must not move.</summary>
    public long? PinnedObjects { get; init; }

    /// <summary>RabbitMQ's name for what the heap has from the system and does not use.</summary>
    public long? ReservedUnallocated { get; init; }

    /// <summary>Code, stacks of threads, sockets and files.</summary>
    public long? OtherSystem { get; init; }

    public MemoryTotals WithHeap(GCMemoryInfo heap) => this with
    {
        YoungObjects = heap.GenerationInfo[0].SizeAfterBytes + heap.GenerationInfo[1].SizeAfterBytes,
        OldObjects = heap.GenerationInfo[2].SizeAfterBytes,
        LargeObjects = heap.GenerationInfo[3].SizeAfterBytes,
        PinnedObjects = heap.GenerationInfo[4].SizeAfterBytes,
        ReservedUnallocated = Math.Max(0, heap.TotalCommittedBytes - heap.HeapSizeBytes),
        OtherSystem = Math.Max(0, Total.Rss - heap.TotalCommittedBytes),
    };
}

internal sealed record MemoryTotal(long Erlang, long Rss, long Allocated);
