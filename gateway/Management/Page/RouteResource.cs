using System.Text;
using Granary.Amqp;
using Granary.Core.Messages;
using Granary.Gateway.Grpc;
using Granary.Gateway.Grpc.Access;
using Granary.Gateway.Management.Frame;

namespace Granary.Gateway.Management.Page;

/// <summary><c>POST /api/exchanges/…/route</c>, which RabbitMQ does not have: where a message would go, without one. Asks the router, as a publish does.</summary>
internal sealed class RouteResource(GrpcServer server) : IResource
{
    public void Map(ApiRoutes routes) => routes.Post("/exchanges/{vhost}/{name}/route", Need.Management, AnswerAsync);

    private async Task AnswerAsync(ApiCall call)
    {
        var vhost = call.Vhosts.Require(call.Segments[1]);
        var exchange = call.Segments[2] == "amq.default" ? "" : call.Segments[2];
        var asked = await call.ReadAsync(ApiJson.Default.RouteRequest).ConfigureAwait(false);
        ShortName.Check("routing key", asked.RoutingKey);

        // One that would be delayed goes where the bindings lead when it is due: by those that there are now.
        var headers = asked.Headers.ContainsKey(DelayHeader.Name) ? asked.Headers.With(DelayHeader.Name, 0L) : asked.Headers;
        var properties = headers.Count > 0 ? new BasicProperties { Headers = headers }.Encode() : [];
        var path = await server.GrainsFor(new Caller(call.User.Name, vhost), call.Aborted)
            .RouteAsync(server.Router, Encoding.UTF8.GetBytes(exchange), Encoding.UTF8.GetBytes(asked.RoutingKey), [], properties).ConfigureAwait(false);
        ApiException.ThrowIf(path.Error);
        await call.ReplyAsync(new RouteJson([.. path.Queues.Order(StringComparer.Ordinal)]), ApiJson.Default.RouteJson).ConfigureAwait(false);
    }
}

/// <summary>A message that is not published.</summary>
internal sealed record RouteRequest
{
    public string RoutingKey { get; set; } = "";

    public FieldTable Headers { get; set; } = FieldTable.Empty;
}

/// <summary>The queues that it would go to.</summary>
internal sealed record RouteJson(string[] Queues);
