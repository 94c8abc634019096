namespace Granary.Core.Policies;

/// <summary>What a policy may be for.</summary>
[Flags]
public enum PolicyTarget
{
    None = 0,
    Exchange = 1,
    Classic = 2,
    Quorum = 4,
    Stream = 8,
    Queue = Classic | Quorum | Stream,
    All = Exchange | Queue,
}

/// <summary>The names of what policies may be for, and which of it has which settings.</summary>
public static class PolicyTargets
{
    // As each type of queue lists them in RabbitMQ (unsupported_policies): a policy with one of them is not for queues of that type, whatever else it has.
    private static readonly Dictionary<string, PolicyTarget> NotFor = new(StringComparer.Ordinal)
    {
        ["max-age"] = PolicyTarget.Classic | PolicyTarget.Quorum,
        ["stream-max-segment-size-bytes"] = PolicyTarget.Classic | PolicyTarget.Quorum,
        ["initial-cluster-size"] = PolicyTarget.Classic | PolicyTarget.Quorum,
        ["delivery-limit"] = PolicyTarget.Classic | PolicyTarget.Stream,
        ["dead-letter-strategy"] = PolicyTarget.Classic | PolicyTarget.Stream,
        ["max-in-memory-length"] = PolicyTarget.Classic | PolicyTarget.Stream,
        ["max-in-memory-bytes"] = PolicyTarget.Classic | PolicyTarget.Stream,
        ["target-group-size"] = PolicyTarget.Classic | PolicyTarget.Stream,
        ["queue-mode"] = PolicyTarget.Quorum | PolicyTarget.Stream,
        ["ha-mode"] = PolicyTarget.Quorum | PolicyTarget.Stream,
        ["ha-params"] = PolicyTarget.Quorum | PolicyTarget.Stream,
        ["ha-sync-mode"] = PolicyTarget.Quorum | PolicyTarget.Stream,
        ["ha-promote-on-shutdown"] = PolicyTarget.Quorum | PolicyTarget.Stream,
        ["ha-promote-on-failure"] = PolicyTarget.Quorum | PolicyTarget.Stream,
        ["queue-master-locator"] = PolicyTarget.Quorum | PolicyTarget.Stream,
        ["expires"] = PolicyTarget.Stream,
        ["message-ttl"] = PolicyTarget.Stream,
        ["dead-letter-exchange"] = PolicyTarget.Stream,
        ["dead-letter-routing-key"] = PolicyTarget.Stream,
        ["max-length"] = PolicyTarget.Stream,
        ["overflow"] = PolicyTarget.Stream,
    };

    /// <summary>Null: there is no such name.</summary>
    public static PolicyTarget? Named(string applyTo) => applyTo switch
    {
        "all" => PolicyTarget.All,
        "exchanges" => PolicyTarget.Exchange,
        "queues" => PolicyTarget.Queue,
        "classic_queues" => PolicyTarget.Classic,
        "quorum_queues" => PolicyTarget.Quorum,
        "streams" => PolicyTarget.Stream,
        _ => null,
    };

    /// <summary>What a policy is for that has these settings.</summary>
    internal static PolicyTarget Of(string applyTo, IEnumerable<string> settings)
    {
        var targets = Named(applyTo) ?? PolicyTarget.None;
        foreach (var setting in settings)
        {
            targets &= ~NotFor.GetValueOrDefault(setting);
        }

        return targets;
    }
}
