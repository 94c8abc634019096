using System.Text.Json.Serialization;
using Granary.Core.Access;
using Granary.Core.Figures;
using Granary.Core.Grains;
using Granary.Gateway.Access;
using Granary.Gateway.Management.Frame;

namespace Granary.Gateway.Management.Access;

/// <summary><c>/api/vhosts</c>.</summary>
internal sealed class VhostResources(AccessCalls access, ClusterFigures figures) : IResource
{
    public void Map(ApiRoutes routes)
    {
        routes.Get("/vhosts", Need.Management, ListAsync);
        routes.Get("/vhosts/{vhost}", Need.Management, GetAsync);
        routes.Put("/vhosts/{vhost}", Need.Administrator, PutAsync);
        routes.Delete("/vhosts/{vhost}", Need.Administrator, DeleteAsync);
        routes.Post("/vhosts/{vhost}/start/{node}", Need.Administrator, call =>
        {
            // Each is served by all silos: none has to be started.
            call.Vhosts.Require(call.Segments[1]);
            return call.ReplyNothingAsync();
        });
        routes.Post("/vhosts/{vhost}/deletion/protection", Need.Administrator, call => ProtectAsync(call, isProtected: true));
        routes.Delete("/vhosts/{vhost}/deletion/protection", Need.Administrator, call => ProtectAsync(call, isProtected: false));
    }

    private async Task<VhostJson[]> LookAsync(ApiCall call)
    {
        var vhosts = await access.ListVhostsAsync().ConfigureAwait(false);
        var picture = await figures.TakeAsync(FigureKinds.Queues | FigureKinds.Stored, call.Aborted).ConfigureAwait(false);
        var queues = picture.Queues.ToLookup(queue => GrainKeys.Parse(queue.Figure.Key).Vhost, queue => queue.Figure, StringComparer.Ordinal);
        return
        [
            .. vhosts.Where(vhost => call.Vhosts.Has(vhost.Name)).OrderBy(vhost => vhost.Name, StringComparer.Ordinal)
                .Select(vhost => VhostJson.Of(vhost, [.. queues[vhost.Name]], picture.Nodes.Select(node => node.Node))),
        ];
    }

    private async Task ListAsync(ApiCall call) =>
        await call.ReplyListAsync(await LookAsync(call).ConfigureAwait(false), ApiJson.Default.VhostJson, static vhost => vhost.Name).ConfigureAwait(false);

    private async Task GetAsync(ApiCall call)
    {
        var name = call.Vhosts.Require(call.Segments[1]);
        var vhosts = await LookAsync(call).ConfigureAwait(false);
        await call.ReplyAsync(vhosts.FirstOrDefault(vhost => vhost.Name == name) ?? throw ApiException.NotFound(), ApiJson.Default.VhostJson).ConfigureAwait(false);
    }

    private async Task PutAsync(ApiCall call)
    {
        var asked = await call.ReadOrEmptyAsync(ApiJson.Default.VhostRequest).ConfigureAwait(false);
        var settings = asked.ToSettings(call.Segments[1]) with { GrantTo = call.User.IsLocal ? null : call.User.Name };
        var wasThere = (await access.ListVhostsAsync().ConfigureAwait(false)).Any(vhost => vhost.Name == settings.Name);
        await call.ReplyAsync(wasThere, await access.PutVhostAsync(settings).ConfigureAwait(false)).ConfigureAwait(false);
    }

    private async Task DeleteAsync(ApiCall call)
    {
        (await access.DeleteVhostAsync(call.Segments[1]).ConfigureAwait(false)).Check();
        await call.ReplyNothingAsync().ConfigureAwait(false);
    }

    private async Task ProtectAsync(ApiCall call, bool isProtected)
    {
        var settings = new VhostSettings(call.Vhosts.Require(call.Segments[1])) { IsProtected = isProtected, When = PutCondition.IfThere };
        (await access.PutVhostAsync(settings).ConfigureAwait(false)).Check();
        await call.ReplyNothingAsync().ConfigureAwait(false);
    }
}

/// <summary>A vhost as RabbitMQ's management tells it.</summary>
internal sealed record VhostJson
{
    public required string Name { get; init; }

    public required string Description { get; init; }

    public required string[] Tags { get; init; }

    public required string DefaultQueueType { get; init; }

    public required VhostMetadata Metadata { get; init; }

    public required bool ProtectedFromDeletion { get; init; }

    public bool Tracing { get; init; }

    public required Dictionary<string, string> ClusterState { get; init; }

    public required long Messages { get; init; }

    public required Rate MessagesDetails { get; init; }

    public required long MessagesReady { get; init; }

    public required Rate MessagesReadyDetails { get; init; }

    public required long MessagesUnacknowledged { get; init; }

    public required Rate MessagesUnacknowledgedDetails { get; init; }

    public MessageStats? MessageStats { get; init; }

    public static VhostJson Of(Vhost vhost, QueueFigure[] queues, IEnumerable<string> nodes)
    {
        var (ready, unacked) = (queues.Sum(queue => queue.Ready), queues.Sum(queue => queue.Unacked));
        var (readyRate, unackedRate) = (queues.Sum(queue => queue.ReadyRate), queues.Sum(queue => queue.UnackedRate));
        return new VhostJson
        {
            Name = vhost.Name,
            Description = vhost.Description,
            Tags = vhost.Tags,
            DefaultQueueType = vhost.DefaultQueueType ?? "undefined",
            Metadata = VhostMetadata.Of(vhost),
            ProtectedFromDeletion = vhost.IsProtected,
            Tracing = vhost.IsTraced,
            ClusterState = nodes.ToDictionary(node => node, _ => "running", StringComparer.Ordinal),
            Messages = queues.Sum(static queue => queue.Messages),
            MessagesDetails = new Rate(readyRate + unackedRate),
            MessagesReady = ready,
            MessagesReadyDetails = new Rate(readyRate),
            MessagesUnacknowledged = unacked,
            MessagesUnacknowledgedDetails = new Rate(unackedRate),
            MessageStats = MessageStats.Of(Sum(queues)),
        };
    }

    // What was done with all of its queues, as if they were one.
    private static QueueFigure Sum(QueueFigure[] queues)
    {
        var sum = new QueueFigure("", null!);
        var busy = queues.Where(queue => queue.Counts.Length > 0).ToArray();
        return busy.Length == 0 ? sum : sum with
        {
            Counts = [.. Enumerable.Range(0, busy[0].Counts.Length).Select(at => busy.Sum(queue => queue.Counts[at]))],
            Rates = busy.Where(queue => queue.Rates.Length > 0).ToArray() is { Length: > 0 } changing
                ? [.. Enumerable.Range(0, changing[0].Rates.Length).Select(at => changing.Sum(queue => queue.Rates[at]))]
                : [],
        };
    }
}

internal sealed record VhostMetadata
{
    public string Description { get; set; } = "";

    [JsonConverter(typeof(TagsConverter))]
    public string[] Tags { get; set; } = [];

    public string? DefaultQueueType { get; set; }

    public static VhostMetadata Of(Vhost vhost) => new() { Description = vhost.Description, Tags = vhost.Tags, DefaultQueueType = vhost.DefaultQueueType };
}

/// <summary>
/// What PUT says of a vhost. As in RabbitMQ (rabbit_mgmt_wm_vhost), description, tags and type of queues are emptied where it does not name them, so that a tool that
/// sends all it wants takes back what it no longer wants; tracing and protection stay as they are.
/// </summary>
internal sealed record VhostRequest
{
    public string? Description { get; set; }

    [JsonConverter(typeof(TagsConverter))]
    public string[]? Tags { get; set; }

    public string? DefaultQueueType { get; set; }

    /// <summary>What 3.11 called it first; 4.x reads it, too.</summary>
    [JsonPropertyName("defaultqueuetype")]
    public string? OldDefaultQueueType { get; set; }

    public bool? ProtectedFromDeletion { get; set; }

    [JsonConverter(typeof(LenientBoolean))]
    public bool? Tracing { get; set; }

    public VhostSettings ToSettings(string name) => new(name)
    {
        Description = Description ?? "",
        Tags = Tags ?? [],
        DefaultQueueType = (DefaultQueueType ?? OldDefaultQueueType) is { } type and not ("undefined" or "default") ? type : "",
        IsProtected = ProtectedFromDeletion,
        IsTraced = Tracing,
    };
}
