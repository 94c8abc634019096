using Granary.Core.Figures;
using Granary.Gateway.Management.Frame;
using Granary.Gateway.Management.Histories;

namespace Granary.Gateway.Management.Clients;

/// <summary><c>/api/connections</c>, <c>/api/channels</c>, <c>/api/consumers</c>. Who is no monitor sees what is his own.</summary>
internal sealed class ClientResources(ClusterFigures figures, HistoryReader histories) : IResource
{
    private const string StandardReason = "Closed via management plugin";

    public void Map(ApiRoutes routes)
    {
        routes.Get("/connections", Need.Management, call => ListConnectionsAsync(call, OfVhost(call.HeaderVhost)));
        routes.Get("/vhosts/{vhost}/connections", Need.Management, call => ListConnectionsAsync(call, OfVhost(call.Vhosts.Require(call.Segments[1]))));
        routes.Get("/connections/username/{user}", Need.Management, call =>
        {
            call.RequireSeen(call.Segments[2]);
            return ListConnectionsAsync(call, connection => connection.User == call.Segments[2]);
        });
        routes.Delete("/connections/username/{user}", Need.Management, CloseAllAsync);
        routes.Get("/connections/{name}", Need.Management, GetConnectionAsync);
        routes.Delete("/connections/{name}", Need.Management, CloseAsync);
        routes.Get("/connections/{name}/channels", Need.Management, async call =>
        {
            await RequireConnectionAsync(call).ConfigureAwait(false);
            await ListChannelsAsync(call, channel => channel.ConnectionName == call.Segments[1]).ConfigureAwait(false);
        });
        routes.Get("/connections/{name}/sessions", Need.Management, async call =>
        {
            // Of AMQP 1.0 alone, which nobody speaks here.
            await RequireConnectionAsync(call).ConfigureAwait(false);
            throw ApiException.BadRequest("connection does not use AMQP 1.0");
        });
        routes.Get("/channels", Need.Management, call => ListChannelsOfVhostAsync(call, call.HeaderVhost));
        routes.Get("/vhosts/{vhost}/channels", Need.Management, call => ListChannelsOfVhostAsync(call, call.Vhosts.Require(call.Segments[1])));
        routes.Get("/channels/{name}", Need.Management, call => GetChannelAsync(WithStatistics(call)));
        routes.Get("/consumers", Need.Management, call => ListConsumersAsync(WithStatistics(call), call.HeaderVhost));
        routes.Get("/consumers/{vhost}", Need.Management, call =>
        {
            var vhost = call.Vhosts.Require(call.Segments[1]);
            return ListConsumersAsync(WithStatistics(call), vhost);
        });
    }

    // What is told of channels and consumers is statistics as a whole: who wants none is refused, as in RabbitMQ.
    private static ApiCall WithStatistics(ApiCall call) =>
        call.Flag("disable_stats") ? throw ApiException.BadRequest("Stats in management UI are disabled on this node") : call;

    private static string ReasonOf(ApiCall call) => call.Http.Request.Headers["X-Reason"].ToString() is { Length: > 0 } reason ? reason : StandardReason;

    private static bool Sees(ApiCall call, string owner) => call.User.IsMonitor || call.User.Name == owner;

    // Null: of any.
    private static Func<ConnectionFigure, bool> OfVhost(string? vhost) => connection => vhost is null || connection.Vhost == vhost;

    private async Task<List<Placed<ConnectionFigure>>> FindConnectionsAsync(ApiCall call, Func<ConnectionFigure, bool> isMeant)
    {
        var picture = await figures.TakeAsync(FigureKinds.Connections, call.Aborted).ConfigureAwait(false);
        return [.. picture.Connections.Where(connection => isMeant(connection.Figure)).OrderBy(connection => connection.Figure.Name, StringComparer.Ordinal)];
    }

    private async Task<Placed<ConnectionFigure>> RequireConnectionAsync(ApiCall call)
    {
        var found = await FindConnectionsAsync(call, connection => connection.Name == call.Segments[1]).ConfigureAwait(false);
        if (found.Count == 0)
        {
            throw ApiException.NotFound();
        }

        call.RequireSeen(found[0].Figure.User);
        return found[0];
    }

    private async Task ListConnectionsAsync(ApiCall call, Func<ConnectionFigure, bool> isMeant)
    {
        var connections = await FindConnectionsAsync(call, connection => Sees(call, connection.User) && isMeant(connection)).ConfigureAwait(false);
        await call.ReplyListAsync(
            connections, static connection => ConnectionJson.Of(connection), ApiJson.Default.ConnectionJson, static connection => connection.Figure.Name,
            page => AddHistoriesAsync(call, page)).ConfigureAwait(false);
    }

    private Task<List<ConnectionJson>> AddHistoriesAsync(ApiCall call, List<ConnectionJson> connections) => histories.AddAsync(
        call, HistorySubject.Connection, connections, static connection => connection.Id.ToString(),
        (histories.RangesOf(call).DataRates, static (connection, history) => connection.WithData(history)));

    private Task<List<ChannelJson>> AddHistoriesAsync(ApiCall call, List<ChannelJson> channels) => histories.AddAsync(
        call, HistorySubject.Channel, channels, static channel => channel.Key,
        (histories.RangesOf(call).MessageRates, static (channel, history) => channel.WithRates(history)));

    private async Task GetConnectionAsync(ApiCall call)
    {
        var told = await AddHistoriesAsync(call, [ConnectionJson.Of(await RequireConnectionAsync(call).ConfigureAwait(false))]).ConfigureAwait(false);
        await call.ReplyAsync(told[0], ApiJson.Default.ConnectionJson).ConfigureAwait(false);
    }

    private async Task CloseAsync(ApiCall call)
    {
        var connection = await RequireConnectionAsync(call).ConfigureAwait(false);
        await figures.CloseConnectionAsync(connection.Figure.Id, ReasonOf(call), call.Aborted).ConfigureAwait(false);
        await call.ReplyNothingAsync().ConfigureAwait(false);
    }

    private async Task CloseAllAsync(ApiCall call)
    {
        call.RequireSeen(call.Segments[2]);
        var connections = await FindConnectionsAsync(call, connection => connection.User == call.Segments[2]).ConfigureAwait(false);
        foreach (var connection in connections)
        {
            await figures.CloseConnectionAsync(connection.Figure.Id, ReasonOf(call), call.Aborted).ConfigureAwait(false);
        }

        await call.ReplyNothingAsync().ConfigureAwait(false);
    }

    private Task ListChannelsOfVhostAsync(ApiCall call, string? vhost) =>
        ListChannelsAsync(WithStatistics(call), channel => vhost is null || channel.Vhost == vhost);

    private async Task ListChannelsAsync(ApiCall call, Func<ChannelFigure, bool> isMeant)
    {
        var picture = await figures.TakeAsync(FigureKinds.Channels, call.Aborted).ConfigureAwait(false);
        var channels = picture.Channels.Where(channel => Sees(call, channel.Figure.User) && isMeant(channel.Figure))
            .OrderBy(channel => channel.Figure.ConnectionName, StringComparer.Ordinal).ThenBy(channel => channel.Figure.Number);
        await call.ReplyListAsync(
            [.. channels], static channel => ChannelJson.Of(channel), ApiJson.Default.ChannelJson, static channel => channel.Figure.Name,
            page => AddHistoriesAsync(call, page)).ConfigureAwait(false);
    }

    private async Task GetChannelAsync(ApiCall call)
    {
        var name = call.Segments[1];
        var picture = await figures.TakeAsync(FigureKinds.Channels | FigureKinds.Consumers, call.Aborted).ConfigureAwait(false);
        var found = picture.Channels.Where(channel => channel.Figure.Name == name).ToArray();
        if (found.Length == 0)
        {
            throw ApiException.NotFound();
        }

        call.RequireSeen(found[0].Figure.User);
        var consumers = picture.Consumers.Where(consumer => consumer.Figure.Connection == found[0].Figure.Connection && consumer.Figure.Channel == found[0].Figure.Number);
        var told = await AddHistoriesAsync(call, [ChannelJson.Of(found[0], [.. consumers.Select(consumer => ConsumerJson.Of(consumer))])]).ConfigureAwait(false);
        await call.ReplyAsync(told[0], ApiJson.Default.ChannelJson).ConfigureAwait(false);
    }

    private async Task ListConsumersAsync(ApiCall call, string? vhost)
    {
        var picture = await figures.TakeAsync(FigureKinds.Consumers, call.Aborted).ConfigureAwait(false);
        var consumers = picture.Consumers.Where(consumer => Sees(call, consumer.Figure.User))
            .Where(consumer => vhost is null ? call.Vhosts.Has(consumer.Figure.Vhost) : consumer.Figure.Vhost == vhost)
            .OrderBy(consumer => consumer.Figure.Queue, StringComparer.Ordinal).ThenBy(consumer => consumer.Figure.Tag, StringComparer.Ordinal);
        await call.ReplyListAsync([.. consumers.Select(consumer => ConsumerJson.Of(consumer))], ApiJson.Default.ConsumerJson, static consumer => consumer.ConsumerTag).ConfigureAwait(false);
    }
}
