using Granary.Amqp;
using Granary.Core;
using Granary.Core.Figures;
using Granary.Core.Grains;
using Granary.Core.Policies;
using Granary.Core.Topology;
using Granary.Gateway.Management.Frame;
using Granary.Gateway.Management.Histories;

namespace Granary.Gateway.Management.Exchanges;

/// <summary><c>/api/exchanges</c>.</summary>
internal sealed class ExchangeResources(ClusterFigures figures, HistoryReader histories, ApiOperations operations, MessagePost post, PolicyCopy policies) : IResource
{
    private const FigureKinds Lists = FigureKinds.Exchanges | FigureKinds.Stored;
    private const string DefaultExchange = "amq.default";

    public void Map(ApiRoutes routes)
    {
        routes.Get("/exchanges", Need.Management, call => ListAsync(call, call.HeaderVhost is { } vhost ? [vhost] : call.Vhosts.Names));
        routes.Get("/exchanges/{vhost}", Need.Management, call => ListAsync(call, [call.Vhosts.Require(call.Segments[1])]));
        routes.Get("/exchanges/{vhost}/{name}", Need.Management, GetAsync);
        routes.Put("/exchanges/{vhost}/{name}", Need.Management, PutAsync);
        routes.Delete("/exchanges/{vhost}/{name}", Need.Management, DeleteAsync);
        routes.Post("/exchanges/{vhost}/{name}/publish", Need.Management, PublishAsync);
        routes.Get("/exchanges/{vhost}/{name}/bindings/source", Need.Management, call => ListBindingsAsync(call, isSource: true));
        routes.Get("/exchanges/{vhost}/{name}/bindings/destination", Need.Management, call => ListBindingsAsync(call, isSource: false));
    }

    private async Task ListAsync(ApiCall call, IEnumerable<string> of)
    {
        var picture = await figures.TakeAsync(Lists, call.Aborted).ConfigureAwait(false);
        await call.ReplyListAsync(
            [.. ExchangeList.Of(picture, of, policies.Table)], static exchange => exchange, ApiJson.Default.ExchangeJson, static exchange => exchange.Name,
            page => AddHistoriesAsync(call, page)).ConfigureAwait(false);
    }

    private Task<List<ExchangeJson>> AddHistoriesAsync(ApiCall call, List<ExchangeJson> exchanges) => histories.AddAsync(
        call, HistorySubject.Exchange, exchanges, static exchange => GrainKeys.For(exchange.Vhost, exchange.Name),
        (histories.RangesOf(call).MessageRates, static (exchange, history) => exchange.WithRates(history)));

    private async Task GetAsync(ApiCall call)
    {
        var (vhost, name) = Name(call);
        var exchange = await RequireAsync(call, vhost, name).ConfigureAwait(false);
        var told = await AddHistoriesAsync(call, [exchange with { Incoming = [], Outgoing = [] }]).ConfigureAwait(false);
        await call.ReplyAsync(told[0], ApiJson.Default.ExchangeJson).ConfigureAwait(false);
    }

    private async Task PutAsync(ApiCall call)
    {
        var (vhost, name) = Name(call);
        ShortName.Check("exchange", name);
        var asked = await call.ReadOrEmptyAsync(ApiJson.Default.ExchangeRequest).ConfigureAwait(false);
        var topology = operations.Topology(call, vhost);
        var isNew = await topology.CheckExchangeAsync(name).ConfigureAwait(false) is { SaysMissing: true };
        ApiException.ThrowIf(await topology.DeclareExchangeAsync(
            name, new ExchangeDeclaration(asked.Type, asked.Durable, asked.AutoDelete, asked.Internal, EncodedTable.From(asked.Arguments))).ConfigureAwait(false));
        await call.ReplyPutAsync(isNew).ConfigureAwait(false);
    }

    private async Task DeleteAsync(ApiCall call)
    {
        var (vhost, name) = Name(call);
        await RequireAsync(call, vhost, name).ConfigureAwait(false);
        ApiException.ThrowIf(await operations.Topology(call, vhost).DeleteExchangeAsync(name, call.Flag("if-unused")).ConfigureAwait(false));
        await call.ReplyNothingAsync().ConfigureAwait(false);
    }

    private async Task PublishAsync(ApiCall call)
    {
        var (vhost, name) = Name(call);
        await RequireAsync(call, vhost, name, "exchange_not_found").ConfigureAwait(false);
        var asked = await call.ReadAsync(ApiJson.Default.PublishMessage).ConfigureAwait(false);
        MissingKeys.Check(("routing_key", asked.RoutingKey), ("payload", asked.Payload), ("payload_encoding", asked.PayloadEncoding));
        await call.ReplyAsync(new Published(await post.PublishAsync(call, vhost, name, asked).ConfigureAwait(false)), ApiJson.Default.Published).ConfigureAwait(false);
    }

    private async Task ListBindingsAsync(ApiCall call, bool isSource)
    {
        var (vhost, name) = Name(call);
        var picture = await figures.TakeAsync(BindingResources.Needed, call.Aborted).ConfigureAwait(false);
        if (ExchangeList.Find(picture, vhost, name, PolicyTable.Empty) is null)
        {
            throw ApiException.NotFound();
        }

        await call.ReplyListAsync(
            [.. BindingList.Of(picture, vhost).Where(binding => isSource ? binding.Source == name : binding.Destination == name && binding.DestinationType == "exchange")],
            ApiJson.Default.BindingJson, static binding => binding.Source).ConfigureAwait(false);
    }

    private static (string Vhost, string Name) Name(ApiCall call) =>
        (call.Vhosts.Require(call.Segments[1]), call.Segments[2] == DefaultExchange ? "" : call.Segments[2]);

    private async Task<ExchangeJson> RequireAsync(ApiCall call, string vhost, string name, string? refusal = null) =>
        ExchangeList.Find(await figures.TakeAsync(Lists, call.Aborted).ConfigureAwait(false), vhost, name, policies.Table)
        ?? throw (refusal is null ? ApiException.NotFound() : ApiException.NotFound(refusal));
}

/// <summary>What PUT says of an exchange.</summary>
internal sealed record ExchangeRequest
{
    public string Type { get; set; } = "direct";

    public bool Durable { get; set; }

    public bool AutoDelete { get; set; }

    public bool Internal { get; set; }

    public FieldTable Arguments { get; set; } = FieldTable.Empty;
}

/// <summary>A message to be published.</summary>
internal sealed record PublishMessage
{
    public BasicProperties Properties { get; set; } = new();

    public string? RoutingKey { get; set; }

    public string? Payload { get; set; }

    public string? PayloadEncoding { get; set; }
}

/// <summary>What became of it.</summary>
internal sealed record Published(bool Routed);
