using Granary.Core.Links;
using Granary.Core.Routing;
using Granary.Gateway.Amqp.Publishing;
using Granary.Gateway.Grpc.Access;
using Granary.Gateway.Grpc.Messages;
using Granary.Gateway.Links;
using Granary.Gateway.Routing;

namespace Granary.Gateway.Grpc.Publishing;

/// <summary>Finds the way of messages over one set of links, and remembers it.</summary>
internal sealed class PathFinder(LinkSet links, Router router)
{
    private readonly PathCache<PublishPath> _paths = new();

    /// <summary>Before messages that came together are published.</summary>
    public void BeginMessages() => router.EndLostLeases();

    /// <summary>Under the gate. Null: <see cref="FetchAsync"/> first, and come again with what it found.</summary>
    public PublishPath? Find(MessageEncoder message, RoutePath? fetched = null)
    {
        var hasCopies = message.Copies.Length > 0;
        if (!hasCopies && _paths.TryGet(message.Exchange, message.RoutingKey, out var path) && path.IsCurrent(links))
        {
            return path;
        }

        var route = fetched ?? router.TryRoute(links.Vhost, message.Exchange, message.RoutingKey, message.Copies, message.Headers);
        if (route is null)
        {
            return null;
        }

        CallErrors.ThrowIf(route.Error);
        path = PublishPath.Open(route, links);
        if (!hasCopies && !route.DependsOnHeaders)
        {
            _paths.Set(message.Exchange, message.RoutingKey, path);
        }

        return path;
    }

    /// <summary>Outside of the gate: asks the exchanges. What it answers holds for this one message only.</summary>
    public ValueTask<RoutePath> FetchAsync(MessageEncoder message, GrainCalls grains) =>
        grains.RouteAsync(router, message.Exchange.ToArray(), message.RoutingKey.ToArray(), message.Copies, message.Headers.ToArray());
}
