using Granary.Core.Figures;
using Granary.Gateway.Management.Frame;
using Granary.Gateway.Management.Policies;
using Microsoft.AspNetCore.Http;

namespace Granary.Gateway.Management.Nodes;

/// <summary>
/// What RabbitMQ and its plugins have and this broker has not: lists are empty, so that tools that look go on; what is one thing is not there (404); a wish to make
/// something is refused with the reason (501). The users who may ask are RabbitMQ's.
/// </summary>
internal sealed class AbsentResources(ClusterFigures figures, ParameterRules parameters) : IResource
{
    private const string Shovel = "shovel";

    private static readonly Func<ApiCall, Task> NotThere = static _ => throw ApiException.NotFound();

    public void Map(ApiRoutes routes)
    {
        routes.Get("/deprecated-features", Need.Management, ListNothingAsync);
        routes.Get("/deprecated-features/used", Need.Management, ListNothingAsync);
        MapShovels(routes);
        MapFederation(routes);
        MapTraces(routes);

        // Tables of Erlang's.
        foreach (var filter in (string[])["", "/relative", "/{filter}", "/{filter}/relative"])
        {
            routes.Get($"/nodes/{{name}}/memory/ets{filter}", Need.Monitor, async call =>
            {
                await figures.RequireMemberAsync(call, 1).ConfigureAwait(false);
                await call.ReplyAsync(new TablesJson("no_tables"), ApiJson.Default.TablesJson).ConfigureAwait(false);
            });
        }

        const string NoStatistics =
            "There is no database of statistics that could be reset: counts are of queues, connections and exchanges, and samples of them end by themselves";
        routes.Delete("/reset", Need.Administrator, Refuse(NoStatistics));
        routes.Delete("/reset/{node}", Need.Administrator, async call =>
        {
            await figures.RequireMemberAsync(call, 1).ConfigureAwait(false);
            await Refuse(NoStatistics)(call).ConfigureAwait(false);
        });
        routes.Get("/users/{user}/queues", Need.Management, Refuse("Which user declared a queue is not kept"));
    }

    /// <summary>What is set of shovels is kept as a parameter; none runs.</summary>
    private void MapShovels(ApiRoutes routes)
    {
        routes.Get("/shovels", Need.Monitor, ListNothingOfHeaderAsync);
        routes.Get("/shovels/{vhost}", Need.Monitor, ListNothingOfVhostAsync(1));
        routes.Get("/shovels/vhost/{vhost}/{name}", Need.Monitor, NotThere);
        routes.Delete("/shovels/vhost/{vhost}/{name}", Need.Policymaker, async call =>
        {
            // As from 4.0 on, one that is not there is deleted, too.
            await parameters.DeleteAsync(call.Vhosts.Require(call.Segments[2]), Shovel, call.Segments[3]).ConfigureAwait(false);
            await call.ReplyNothingAsync().ConfigureAwait(false);
        });
        routes.Delete("/shovels/vhost/{vhost}/{name}/restart", Need.Policymaker, NotThere);
    }

    private static void MapFederation(ApiRoutes routes)
    {
        routes.Get("/federation-links", Need.Monitor, ListNothingOfHeaderAsync);
        routes.Get("/federation-links/state/down", Need.Monitor, ListNothingOfHeaderAsync);
        routes.Get("/federation-links/{vhost}", Need.Monitor, ListNothingOfVhostAsync(1));
        routes.Get("/federation-links/{vhost}/state/down", Need.Monitor, ListNothingOfVhostAsync(1));
        routes.Delete("/federation-links/vhost/{vhost}/{id}/{node}/restart", Need.Policymaker, NotThere);
    }

    private void MapTraces(ApiRoutes routes)
    {
        const string NoFiles =
            "Traces are not written to files: bind a queue to the exchange amq.rabbitmq.trace, and begin tracing with rabbitmqctl trace_on, or with tracing in PUT of the virtual host";
        foreach (var (node, at) in new[] { ("", 0), ("/node/{node}", 2) })
        {
            routes.Get($"/traces{node}", Need.Administrator, OfNode(at, ListNothingAsync));
            routes.Get($"/traces{node}/{{vhost}}", Need.Administrator, OfNode(at, ListNothingOfVhostAsync(at + 1)));
            routes.Get($"/traces{node}/{{vhost}}/{{name}}", Need.Administrator, NotThere);
            routes.Put($"/traces{node}/{{vhost}}/{{name}}", Need.Administrator, OfNode(at, call =>
            {
                call.Vhosts.Require(call.Segments[at + 1]);
                return Refuse(NoFiles)(call);
            }));
            routes.Delete($"/traces{node}/{{vhost}}/{{name}}", Need.Administrator, NotThere);
            routes.Get($"/trace-files{node}", Need.Administrator, OfNode(at, ListNothingAsync));
            routes.Get($"/trace-files{node}/{{name}}", Need.Administrator, NotThere);
            routes.Delete($"/trace-files{node}/{{name}}", Need.Administrator, NotThere);
        }
    }

    private static Func<ApiCall, Task> Refuse(string why) => _ => throw new ApiException(StatusCodes.Status501NotImplemented, "not_implemented", why);

    private static Task ListNothingAsync(ApiCall call) => call.ReplyListAsync(Array.Empty<Refusal>(), ApiJson.Default.Refusal, static _ => "");

    private static Task ListNothingOfHeaderAsync(ApiCall call)
    {
        _ = call.HeaderVhost;
        return ListNothingAsync(call);
    }

    private static Func<ApiCall, Task> ListNothingOfVhostAsync(int segment) => call =>
    {
        call.Vhosts.Require(call.Segments[segment]);
        return ListNothingAsync(call);
    };

    /// <param name="segment">Where the path names a node; 0: it names none.</param>
    private Func<ApiCall, Task> OfNode(int segment, Func<ApiCall, Task> answer) => segment == 0 ? answer : async call =>
    {
        await figures.RequireMemberAsync(call, segment).ConfigureAwait(false);
        await answer(call).ConfigureAwait(false);
    };
}

/// <summary>What RabbitMQ says of the memory of Erlang's tables where there are none.</summary>
internal sealed record TablesJson(string EtsTablesMemory);
