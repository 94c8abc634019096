using Granary.Amqp;
using Granary.Core;
using Granary.Core.Figures;
using Granary.Gateway.Management.Frame;
using Granary.Gateway.Topology;

namespace Granary.Gateway.Management.Exchanges;

/// <summary><c>/api/bindings</c>.</summary>
internal sealed class BindingResources(ClusterFigures figures, ApiOperations operations) : IResource
{
    public const FigureKinds Needed = FigureKinds.Queues | FigureKinds.Exchanges | FigureKinds.Bindings | FigureKinds.Stored;

    private const string DefaultExchange = "amq.default";

    public void Map(ApiRoutes routes)
    {
        routes.Get("/bindings", Need.Management, call => ListAsync(call, call.HeaderVhost, binding => call.Vhosts.Has(binding.Vhost)));
        routes.Get("/bindings/{vhost}", Need.Management, call => ListAsync(call, call.Vhosts.Require(call.Segments[1]), static _ => true));
        foreach (var kind in (string[])["q", "e"])
        {
            var pattern = $"/bindings/{{vhost}}/e/{{source}}/{kind}/{{destination}}";
            routes.Get(pattern, Need.Management, ListBetweenAsync);
            routes.Post(pattern, Need.Management, BindAsync);
            routes.Get($"{pattern}/{{properties}}", Need.Management, GetAsync);
            routes.Delete($"{pattern}/{{properties}}", Need.Management, UnbindAsync);
        }
    }

    private async Task<Picture> LookAsync(ApiCall call) => await figures.TakeAsync(Needed, call.Aborted).ConfigureAwait(false);

    private async Task ListAsync(ApiCall call, string? vhost, Func<BindingJson, bool> isMeant)
    {
        var picture = await LookAsync(call).ConfigureAwait(false);
        await call.ReplyListAsync([.. BindingList.Of(picture, vhost).Where(isMeant)], ApiJson.Default.BindingJson, static binding => binding.Source).ConfigureAwait(false);
    }

    private static Ends EndsOf(ApiCall call)
    {
        var parts = call.Segments;
        return new Ends(call.Vhosts.Require(parts[1]), parts[3] == DefaultExchange ? "" : parts[3], parts[4] == "q", parts[5]);
    }

    private async Task ListBetweenAsync(ApiCall call)
    {
        var ends = EndsOf(call);
        var picture = await LookAsync(call).ConfigureAwait(false);
        await call.ReplyListAsync([.. BindingList.Of(picture, ends.Vhost).Where(ends.Has)], ApiJson.Default.BindingJson, static binding => binding.Source).ConfigureAwait(false);
    }

    private async Task BindAsync(ApiCall call)
    {
        var ends = EndsOf(call);
        var asked = await call.ReadOrEmptyAsync(ApiJson.Default.BindingRequest).ConfigureAwait(false);
        var key = asked.RoutingKey ?? "";
        ShortName.Check("routing_key", key);
        var arguments = EncodedTable.From(asked.Arguments);
        var topology = operations.Topology(call, ends.Vhost);
        ApiException.ThrowIf(ends.IsQueue
            ? await topology.BindQueueAsync(ends.Destination, ends.Source, key, arguments).ConfigureAwait(false)
            : await topology.BindExchangeAsync(ends.Destination, ends.Source, key, arguments).ConfigureAwait(false));
        call.Http.Response.Headers.Location =
            $"{Uri.EscapeDataString(ends.Destination)}/{Uri.EscapeDataString(BindingKey.Of(key, Core.Topology.ExchangeRules.Sorted(arguments)))}";
        await call.ReplyPutAsync(isNew: true).ConfigureAwait(false);
    }

    private async Task GetAsync(ApiCall call)
    {
        var found = await FindAsync(call, EndsOf(call)).ConfigureAwait(false);
        await call.ReplyAsync(found, ApiJson.Default.BindingJson).ConfigureAwait(false);
    }

    private async Task UnbindAsync(ApiCall call)
    {
        var ends = EndsOf(call);
        var binding = await FindAsync(call, ends).ConfigureAwait(false);
        ApiException.ThrowIf(await RemoveAsync(operations.Topology(call, ends.Vhost), ends, binding).ConfigureAwait(false));
        await call.ReplyNothingAsync().ConfigureAwait(false);
    }

    private static ValueTask<BrokerError?> RemoveAsync(TopologyCalls topology, Ends ends, BindingJson binding) => ends.IsQueue
        ? topology.UnbindQueueAsync(ends.Destination, ends.Source, binding.RoutingKey, binding.EncodedArguments)
        : topology.UnbindExchangeAsync(ends.Destination, ends.Source, binding.RoutingKey, binding.EncodedArguments);

    private async Task<BindingJson> FindAsync(ApiCall call, Ends ends)
    {
        // Quoted within the binding's own name, and once more for the path.
        var key = call.Segments[6];
        var picture = await LookAsync(call).ConfigureAwait(false);
        return BindingList.Of(picture, ends.Vhost).FirstOrDefault(binding => ends.Has(binding) && (binding.PropertiesKey == key || Uri.UnescapeDataString(binding.PropertiesKey) == key))
            ?? throw ApiException.NotFound();
    }

    private readonly record struct Ends(string Vhost, string Source, bool IsQueue, string Destination)
    {
        public bool Has(BindingJson binding) =>
            binding.Source == Source && binding.Destination == Destination && binding.DestinationType == (IsQueue ? "queue" : "exchange");
    }
}

/// <summary>What POST says of a binding.</summary>
internal sealed record BindingRequest
{
    public string? RoutingKey { get; set; }

    public FieldTable Arguments { get; set; } = FieldTable.Empty;
}
