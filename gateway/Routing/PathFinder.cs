using System.Diagnostics.CodeAnalysis;
using System.Runtime.CompilerServices;
using System.Text;
using Granary.Amqp;
using Granary.Core;
using Granary.Core.Access;
using Granary.Core.Links;
using Granary.Core.Routing;
using Granary.Gateway.Access;
using Granary.Gateway.Links;

namespace Granary.Gateway.Routing;

/// <summary>
/// Finds the queues that a message goes to, as sessions of one client, and remembers them by exchange and routing key. For each message: <see cref="TryRecall"/>,
/// then <see cref="Find"/>, then <see cref="FetchAsync"/> and <see cref="Find"/> once more. Whether the client may publish there is looked at when a path is found, not
/// when it is recalled: a change of its rights ends all paths.
/// </summary>
internal sealed class PathFinder(LinkSet links, Router router, ClientRights rights)
{
    private readonly PathCache<PublishPath> _paths = new();

    /// <summary>Call it before the first of several messages that came together: paths over exchanges whose lease is over are forgotten, and all if rights are.</summary>
    public void BeginMessages()
    {
        router.EndLostLeases();
        if (!rights.IsHeld())
        {
            lock (links.Gate)
            {
                links.EndPaths();
            }
        }
    }

    /// <summary>Under the gate. The client's rights have changed, or may have.</summary>
    public Rights? TakeRights()
    {
        links.EndPaths();
        return rights.Take();
    }

    /// <summary>Under the gate. For what is published without a path.</summary>
    /// <param name="refusal">Why the client may not publish to the exchange, whether there is one or not; null: it may.</param>
    /// <returns>False: that is not known before <see cref="FetchAsync"/>.</returns>
    public bool TryCheckPublish(ReadOnlySpan<byte> exchange, out BrokerError? refusal)
    {
        var may = rights.Current ?? rights.Take();
        refusal = may?.CheckPublish(exchange);
        return may is not null;
    }

    /// <summary>Under the gate, of a message whose path was found: whether it may be published in another's name.</summary>
    public BrokerError? CheckUser(string claimed) => rights.Current is { IsImpersonator: true }
        ? null
        : new BrokerError(ReplyCode.PreconditionFailed, $"user_id property set to '{claimed}' but authenticated user was '{rights.User}'");

    /// <summary>Under the gate. The remembered path of a message without further keys, if nothing on it has changed since.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public bool TryRecall(ReadOnlySpan<byte> exchange, ReadOnlySpan<byte> routingKey, [NotNullWhen(true)] out PublishPath? path) =>
        _paths.TryGet(exchange, routingKey, out path) && path.IsCurrent(links);

    /// <summary>Under the gate. Asks the router, opens sessions with the queues, and remembers the path unless it depends on more than exchange and key.</summary>
    /// <param name="copies">Further routing keys, from the headers CC and BCC.</param>
    /// <param name="properties">The message's properties as on the wire, or empty.</param>
    /// <param name="fetched">What <see cref="FetchAsync"/> answered for this message, or null.</param>
    /// <param name="error">Why the message cannot be published, or null.</param>
    /// <returns>Null with an error, and null without one if exchanges, or the client's rights, have to be asked for first (<see cref="FetchAsync"/>).</returns>
    public PublishPath? Find(
        ReadOnlySpan<byte> exchange, ReadOnlySpan<byte> routingKey, ReadOnlyMemory<byte>[] copies, ReadOnlySpan<byte> properties, RoutePath? fetched,
        out BrokerError? error)
    {
        var may = rights.Current ?? rights.Take();
        error = may?.CheckPublish(exchange);
        var route = may is null || error is not null ? null : fetched ?? router.TryRoute(links.Vhost, exchange, routingKey, copies, properties);
        error ??= route?.Error ?? (route is { IsByTopic: true } && may!.LimitsAnyTopics ? CheckTopics(may, exchange, routingKey, copies) : null);
        if (route is null || error is not null)
        {
            return null;
        }

        var path = PublishPath.Open(route, links);
        if (copies.Length == 0 && !route.DependsOnMore)
        {
            _paths.Set(exchange, routingKey, path);
        }

        return path;
    }

    /// <summary>
    /// Outside of the gate: asks for the client's rights, and the exchanges. The answer holds for this one message only, as an exchange that is missing may be there for
    /// the next.
    /// </summary>
    public ValueTask<RoutePath> FetchAsync(
        ReadOnlySpan<byte> exchange, ReadOnlySpan<byte> routingKey, ReadOnlyMemory<byte>[] copies, ReadOnlySpan<byte> properties, GrainCalls grains) =>
        AskAsync(exchange.ToArray(), routingKey.ToArray(), copies, properties.ToArray(), grains);

    private async ValueTask<RoutePath> AskAsync(byte[] exchange, byte[] routingKey, ReadOnlyMemory<byte>[] copies, byte[] properties, GrainCalls grains)
    {
        // An exchange is not asked for one who may not publish to it: it may not even be told whether there is one.
        return await rights.CheckAsync(may => may.CheckPublish(exchange), grains.Aborted).ConfigureAwait(false) is { } refusal
            ? RoutePath.Refused(refusal)
            : await grains.RouteAsync(router, exchange, routingKey, copies, properties).ConfigureAwait(false);
    }

    // The message goes by each of its keys, and so has to be allowed by each.
    private static BrokerError? CheckTopics(Rights may, ReadOnlySpan<byte> exchange, ReadOnlySpan<byte> routingKey, ReadOnlyMemory<byte>[] copies)
    {
        var name = Encoding.UTF8.GetString(exchange);
        var refusal = may.CheckTopic(Right.Write, name, Encoding.UTF8.GetString(routingKey));
        foreach (var key in copies)
        {
            refusal ??= may.CheckTopic(Right.Write, name, Encoding.UTF8.GetString(key.Span));
        }

        return refusal;
    }
}
