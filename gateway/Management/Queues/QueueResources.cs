using Granary.Amqp;
using Granary.Core;
using Granary.Core.Figures;
using Granary.Core.Grains;
using Granary.Core.Policies;
using Granary.Gateway.Management.Clients;
using Granary.Gateway.Management.Exchanges;
using Granary.Gateway.Management.Frame;
using Granary.Gateway.Management.Histories;
using Granary.Gateway.Policies;

namespace Granary.Gateway.Management.Queues;

/// <summary><c>/api/queues</c>.</summary>
internal sealed class QueueResources(ClusterFigures figures, HistoryReader histories, ApiOperations operations, MessageReader reader, PolicyCopy policies) : IResource
{
    private const FigureKinds Lists = FigureKinds.Queues | FigureKinds.Stored;

    private const string QueueNotFound = "queue_not_found";

    public void Map(ApiRoutes routes)
    {
        routes.Get("/queues", Need.Management, call => ListAsync(call, call.HeaderVhost));
        routes.Get("/queues/detailed", Need.Management, call => ListAsync(call, call.HeaderVhost));
        routes.Get("/queues/{vhost}", Need.Management, call => ListAsync(call, call.Vhosts.Require(call.Segments[1])));
        routes.Get("/queues/{vhost}/{name}", Need.Management, GetAsync);
        routes.Put("/queues/{vhost}/{name}", Need.Management, PutAsync);
        routes.Delete("/queues/{vhost}/{name}", Need.Management, DeleteAsync);
        routes.Delete("/queues/{vhost}/{name}/contents", Need.Management, PurgeAsync);
        routes.Post("/queues/{vhost}/{name}/get", Need.Management, ReadMessagesAsync);
        routes.Post("/queues/{vhost}/{name}/actions", Need.Administrator, ActAsync);
        routes.Get("/queues/{vhost}/{name}/bindings", Need.Management, ListBindingsAsync);
    }

    /// <summary>All queues, or those of a vhost, by vhost and name.</summary>
    public static List<Placed<QueueFigure>> Ordered(Picture picture, string? vhost, SeenVhosts? seen = null)
    {
        var prefixes = seen?.Names.Where(name => vhost is null || name == vhost).Select(name => GrainKeys.For(name, "")).ToArray() ?? [vhost is null ? "" : GrainKeys.For(vhost, "")];
        List<Placed<QueueFigure>> queues = [.. picture.Queues.Where(queue => prefixes.Any(prefix => queue.Figure.Key.StartsWith(prefix, StringComparison.Ordinal)))];
        queues.Sort(static (left, right) => string.CompareOrdinal(left.Figure.Key, right.Figure.Key));
        return queues;
    }

    private async Task ListAsync(ApiCall call, string? vhost)
    {
        var picture = await figures.TakeAsync(Lists, call.Aborted).ConfigureAwait(false);
        var table = policies.Table;
        await call.ReplyListAsync(
            Ordered(picture, vhost, call.Vhosts), queue => QueueJson.Of(queue, table.Of(queue.Figure)), ApiJson.Default.QueueJson, static queue => GrainKeys.Parse(queue.Figure.Key).Name,
            page => CompleteAsync(call, page)).ConfigureAwait(false);
    }

    private async Task<List<QueueJson>> CompleteAsync(ApiCall call, List<QueueJson> queues)
    {
        var ranges = histories.RangesOf(call);
        queues = await AddOwnersAsync(call, queues).ConfigureAwait(false);
        return await histories.AddAsync(
            call, HistorySubject.Queue, queues, static queue => GrainKeys.For(queue.Vhost, queue.Name),
            (ranges.Lengths, static (queue, history) => queue.WithLengths(history)),
            (ranges.MessageRates, static (queue, history) => queue.WithRates(history))).ConfigureAwait(false);
    }

    // Connections are looked at only where a queue is of one.
    private async Task<List<QueueJson>> AddOwnersAsync(ApiCall call, List<QueueJson> queues)
    {
        if (!queues.Exists(static queue => queue.Exclusive))
        {
            return queues;
        }

        var picture = await figures.TakeAsync(FigureKinds.Connections, call.Aborted).ConfigureAwait(false);
        var owners = picture.Connections.ToLookup(static connection => connection.Figure.Id);
        return queues.ConvertAll(queue => queue.Exclusive && owners[queue.Owner].FirstOrDefault() is { Figure: { } owner } placed
            ? queue with { OwnerPidDetails = new OwnerDetails(owner.Name, placed.Node, owner.PeerHost, owner.PeerPort) }
            : queue);
    }

    private async Task GetAsync(ApiCall call)
    {
        var (vhost, name) = Name(call);
        if (await FindAsync(call, vhost, name, FigureKinds.Consumers).ConfigureAwait(false) is not { } found)
        {
            throw ApiException.NotFound();
        }

        var (picture, queue) = found;
        var consumers = picture.Consumers.Where(consumer => consumer.Figure.Vhost == vhost && consumer.Figure.Queue == name).Select(consumer => ConsumerJson.Of(consumer));
        var told = await CompleteAsync(call, [QueueJson.Of(queue, policies.Table.Of(queue.Figure), [.. consumers])]).ConfigureAwait(false);
        await call.ReplyAsync(told[0], ApiJson.Default.QueueJson).ConfigureAwait(false);
    }

    private async Task PutAsync(ApiCall call)
    {
        var (vhost, name) = Name(call);
        ShortName.Check("queue", name);
        var asked = await call.ReadOrEmptyAsync(ApiJson.Default.QueueRequest).ConfigureAwait(false);
        var topology = operations.Topology(call, vhost);
        var isNew = (await topology.DescribeQueueAsync(name).ConfigureAwait(false)).Error is { SaysMissing: true };
        var (_, answer) = await topology.DeclareQueueAsync(name, asked.Durable, isExclusive: false, asked.AutoDelete, EncodedTable.From(asked.Arguments)).ConfigureAwait(false);
        ApiException.ThrowIf(answer.Error);
        await call.ReplyPutAsync(isNew).ConfigureAwait(false);
    }

    private async Task DeleteAsync(ApiCall call)
    {
        var (vhost, name) = Name(call);
        var topology = operations.Topology(call, vhost);
        await RequireAsync(call, vhost, name).ConfigureAwait(false);
        var answer = await topology.DeleteQueueAsync(name, call.Flag("if-unused"), call.Flag("if-empty")).ConfigureAwait(false);
        ApiException.ThrowIf(answer.Error);
        await call.ReplyNothingAsync().ConfigureAwait(false);
    }

    private async Task PurgeAsync(ApiCall call)
    {
        var (vhost, name) = Name(call);
        await RequireAsync(call, vhost, name).ConfigureAwait(false);
        ApiException.ThrowIf((await operations.Topology(call, vhost).PurgeQueueAsync(name).ConfigureAwait(false)).Error);
        await call.ReplyNothingAsync().ConfigureAwait(false);
    }

    private async Task ReadMessagesAsync(ApiCall call)
    {
        var (vhost, name) = Name(call);
        await RequireAsync(call, vhost, name, QueueNotFound).ConfigureAwait(false);
        var asked = await call.ReadAsync(ApiJson.Default.GetRequest).ConfigureAwait(false);
        await call.ReplyAsync(await reader.GetAsync(call, vhost, name, asked).ConfigureAwait(false), ApiJson.Default.ListMessageJson).ConfigureAwait(false);
    }

    // Mirrors are RabbitMQ's matter: what it would do to them is done.
    private async Task ActAsync(ApiCall call)
    {
        var (vhost, name) = Name(call);
        await RequireAsync(call, vhost, name, QueueNotFound).ConfigureAwait(false);
        var asked = await call.ReadAsync(ApiJson.Default.ActionRequest).ConfigureAwait(false);
        await (asked.Action is "sync" or "cancel_sync" ? call.ReplyNothingAsync() : throw ApiException.BadRequest($"action '{asked.Action}' is not sync or cancel_sync")).ConfigureAwait(false);
    }

    private async Task ListBindingsAsync(ApiCall call)
    {
        var (vhost, name) = Name(call);
        await RequireAsync(call, vhost, name).ConfigureAwait(false);
        var picture = await figures.TakeAsync(BindingResources.Needed, call.Aborted).ConfigureAwait(false);
        await call.ReplyListAsync(
            [.. BindingList.Of(picture, vhost).Where(binding => binding.Destination == name && binding.DestinationType == "queue")],
            ApiJson.Default.BindingJson, static binding => binding.Source).ConfigureAwait(false);
    }

    private static (string Vhost, string Name) Name(ApiCall call) => (call.Vhosts.Require(call.Segments[1]), call.Segments[2]);

    private async Task RequireAsync(ApiCall call, string vhost, string name, string? refusal = null)
    {
        if (await FindAsync(call, vhost, name).ConfigureAwait(false) is null)
        {
            throw refusal is null ? ApiException.NotFound() : ApiException.NotFound(refusal);
        }
    }

    private async Task<(Picture Picture, Placed<QueueFigure> Queue)?> FindAsync(ApiCall call, string vhost, string name, FigureKinds more = FigureKinds.None)
    {
        var picture = await figures.TakeOfQueueAsync(GrainKeys.For(vhost, name), more, call.Aborted).ConfigureAwait(false);
        return picture.Queues.Count > 0 ? (picture, picture.Queues[0]) : null;
    }
}

/// <summary>What PUT says of a queue.</summary>
internal sealed record QueueRequest
{
    public bool Durable { get; set; }

    public bool AutoDelete { get; set; }

    public FieldTable Arguments { get; set; } = FieldTable.Empty;
}

/// <summary>What is to be done with a queue.</summary>
internal sealed record ActionRequest
{
    public string Action { get; set; } = "";
}
