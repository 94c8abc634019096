using Granary.Core.Links;
using Granary.Core.Messages;
using Granary.Core.Routing;

namespace Granary.Gateway.Routing;

/// <summary>A route as one connection uses it: with its own links.</summary>
internal sealed class PublishPath(RoutePath? route, QueueSession[] links, int generation)
{
    /// <summary>To no queue.</summary>
    public static readonly PublishPath Nowhere = new(null, [], 0);

    public QueueSession[] Links => links;

    /// <summary>False once an exchange on the way changed or a link ended.</summary>
    public bool IsCurrent(LinkSet set) => generation == set.Generation && route is { IsCurrent: true };

    /// <summary>So many messages have gone this way.</summary>
    public void Count(int messages) => route?.Counts?.Add(messages, links.Length);

    /// <summary>Messages as queues are to take them that are reached this way.</summary>
    public MessageBatch ForQueues(in MessageBatch batch) => route?.Window is { } window ? batch with { Window = window } : batch;

    public static PublishPath Open(RoutePath route, LinkSet set)
    {
        var links = new QueueSession[route.Queues.Length];
        for (var i = 0; i < links.Length; i++)
        {
            links[i] = set.Open(route.Queues[i]);
        }

        return new PublishPath(route, links, set.Generation);
    }
}
