using System.Diagnostics.CodeAnalysis;
using System.Runtime.CompilerServices;
using Granary.Core;
using Granary.Core.Links;
using Granary.Core.Routing;
using Granary.Gateway.Links;

namespace Granary.Gateway.Routing;

/// <summary>
/// Finds the queues that a message goes to, as sessions of one client, and remembers them by exchange and routing key. For each message: <see cref="TryRecall"/>,
/// then <see cref="Find"/>, then <see cref="FetchAsync"/> and <see cref="Find"/> once more.
/// </summary>
internal sealed class PathFinder(LinkSet links, Router router)
{
    private readonly PathCache<PublishPath> _paths = new();

    /// <summary>Call it before the first of several messages that came together: paths over exchanges whose lease is over are forgotten.</summary>
    public void BeginMessages() => router.EndLostLeases();

    /// <summary>Under the gate. The remembered path of a message without further keys, if nothing on it has changed since.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public bool TryRecall(ReadOnlySpan<byte> exchange, ReadOnlySpan<byte> routingKey, [NotNullWhen(true)] out PublishPath? path) =>
        _paths.TryGet(exchange, routingKey, out path) && path.IsCurrent(links);

    /// <summary>Under the gate. Asks the router, opens sessions with the queues, and remembers the path unless it depends on more than exchange and key.</summary>
    /// <param name="copies">Further routing keys, from the headers CC and BCC.</param>
    /// <param name="headers">The content of the headers table as on the wire, or empty.</param>
    /// <param name="fetched">What <see cref="FetchAsync"/> answered for this message, or null.</param>
    /// <param name="error">Why the message cannot be published, or null.</param>
    /// <returns>Null with an error, and null without one if exchanges have to be asked first (<see cref="FetchAsync"/>).</returns>
    public PublishPath? Find(
        ReadOnlySpan<byte> exchange, ReadOnlySpan<byte> routingKey, ReadOnlyMemory<byte>[] copies, ReadOnlySpan<byte> headers, RoutePath? fetched,
        out BrokerError? error)
    {
        var route = fetched ?? router.TryRoute(links.Vhost, exchange, routingKey, copies, headers);
        error = route?.Error;
        if (route is null || error is not null)
        {
            return null;
        }

        var path = PublishPath.Open(route, links);
        if (copies.Length == 0 && !route.DependsOnHeaders)
        {
            _paths.Set(exchange, routingKey, path);
        }

        return path;
    }

    /// <summary>Outside of the gate: asks the exchanges. The answer holds for this one message only, as an exchange that is missing may be there for the next.</summary>
    public ValueTask<RoutePath> FetchAsync(
        ReadOnlySpan<byte> exchange, ReadOnlySpan<byte> routingKey, ReadOnlyMemory<byte>[] copies, ReadOnlySpan<byte> headers, GrainCalls grains) =>
        grains.RouteAsync(router, exchange.ToArray(), routingKey.ToArray(), copies, headers.ToArray());
}
