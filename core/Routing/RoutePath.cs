using Granary.Core.Messages;

namespace Granary.Core.Routing;

/// <summary>Where a publish goes.</summary>
public sealed class RoutePath
{
    private readonly RouteGeneration? _generation;
    private readonly RouteGeneration[] _moreGenerations;
    private readonly bool _memoizable;

    private RoutePath(
        string[] queues, BrokerError? error, bool memoizable, bool dependsOnMore, ExchangeCounts? counts, ReadOnlySpan<RouteGeneration> generations,
        bool isByTopic = false)
    {
        IsByTopic = isByTopic;
        Counts = counts;
        Queues = queues;
        Error = error;
        DependsOnMore = dependsOnMore;
        _memoizable = memoizable;
        _generation = generations.IsEmpty ? null : generations[0];
        _moreGenerations = generations.Length < 2 ? [] : generations[1..].ToArray();
    }

    /// <summary>
    /// Each at most once, in no order; empty when the message is unroutable or <see cref="Error"/> is set. By the default exchange the
    /// routing key itself: whether there is such a queue is found out by the link to it.
    /// </summary>
    public string[] Queues { get; }

    /// <summary>Of the exchange that the message is published to; null where there is none.</summary>
    public ExchangeCounts? Counts { get; }

    /// <summary>The exchange that the message is published to is of the type topic.</summary>
    public bool IsByTopic { get; }

    /// <summary>An exchange on the way asks that queues take no message twice; null: none does.</summary>
    public DeduplicationWindow? Window { get; private init; }

    /// <summary>404 no such exchange, or 403 an internal one.</summary>
    public BrokerError? Error { get; }

    /// <summary>The result follows from more than exchange and key (headers, properties, chance), and may not be memoized by them.</summary>
    public bool DependsOnMore { get; }

    /// <summary>
    /// False as soon as any snapshot that the path depends on has changed, and at once for what is never memoized. One volatile read per
    /// exchange on the way.
    /// </summary>
    public bool IsCurrent
    {
        get
        {
            if (!_memoizable || (_generation is not null && !_generation.IsCurrent))
            {
                return false;
            }

            foreach (var generation in _moreGenerations)
            {
                if (!generation.IsCurrent)
                {
                    return false;
                }
            }

            return true;
        }
    }

    /// <summary>A path by the default exchange, which no snapshot stands behind.</summary>
    internal static RoutePath ToQueues(ExchangeCounts counts, params string[] queues) =>
        new(queues, null, memoizable: true, dependsOnMore: false, counts, []);

    /// <param name="complete">False when an exchange on the way did not exist: absence is never cached.</param>
    internal static RoutePath Through(
        string[] queues, bool complete, bool dependsOnMore, ExchangeCounts? counts, ReadOnlySpan<RouteGeneration> generations, bool isByTopic,
        DeduplicationWindow? window = null) => new(queues, null, complete, dependsOnMore, counts, generations, isByTopic) { Window = window };

    public static RoutePath Refused(BrokerError error) => new([], error, memoizable: false, dependsOnMore: false, null, []);
}
