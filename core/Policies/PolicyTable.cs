using System.Collections.Frozen;

namespace Granary.Core.Policies;

/// <summary>All policies at one time. It never changes: a change makes another one, of which the vhosts that it is not of are the same.</summary>
public sealed class PolicyTable
{
    public static readonly PolicyTable Empty = new(FrozenDictionary<string, VhostPolicies>.Empty);

    private readonly FrozenDictionary<string, VhostPolicies> _vhosts;

    private PolicyTable(FrozenDictionary<string, VhostPolicies> vhosts) => _vhosts = vhosts;

    /// <summary>What a queue or exchange goes by.</summary>
    public AppliedPolicy Find(string vhost, PolicyTarget target, string name) =>
        _vhosts.TryGetValue(vhost, out var policies) ? AppliedPolicy.Of(Find(policies.Users, target, name), Find(policies.Operators, target, name)) : AppliedPolicy.None;

    /// <summary>Of these and no others.</summary>
    public PolicyTable With(IEnumerable<Policy> all) => new(all.GroupBy(static policy => policy.Vhost, StringComparer.Ordinal).ToFrozenDictionary(
        static vhost => vhost.Key, vhost => VhostPolicies.Of(vhost.Select(policy => Known(policy) ?? new PolicyMatcher(policy))), StringComparer.Ordinal));

    /// <summary>Takes changes, and notes for each what was there and what is.</summary>
    internal PolicyTable With(IEnumerable<(Policy Policy, bool IsRemoved)> changes, List<PolicyMatcher> concerned)
    {
        var vhosts = _vhosts.ToDictionary(StringComparer.Ordinal);
        foreach (var vhost in changes.GroupBy(static change => change.Policy.Vhost, StringComparer.Ordinal))
        {
            var all = (_vhosts.GetValueOrDefault(vhost.Key)?.All ?? []).ToDictionary(static matcher => KeyOf(matcher.Policy));
            foreach (var (policy, isRemoved) in vhost)
            {
                if (all.Remove(KeyOf(policy), out var before))
                {
                    concerned.Add(before);
                }

                if (!isRemoved)
                {
                    var now = before is not null && before.Policy == policy ? before : new PolicyMatcher(policy);
                    all.Add(KeyOf(policy), now);
                    concerned.Add(now);
                }
            }

            vhosts[vhost.Key] = VhostPolicies.Of(all.Values);
        }

        return new PolicyTable(vhosts.Where(static vhost => vhost.Value.All.Any()).ToFrozenDictionary(StringComparer.Ordinal));
    }

    private static (string Name, bool IsOperator) KeyOf(Policy policy) => (policy.Name, policy.IsOperator);

    // The first in order of priority is the one.
    private static PolicyMatcher? Find(PolicyMatcher[] policies, PolicyTarget target, string name)
    {
        foreach (var policy in policies)
        {
            if (policy.Matches(target, name))
            {
                return policy;
            }
        }

        return null;
    }

    private PolicyMatcher? Known(Policy policy) => _vhosts.GetValueOrDefault(policy.Vhost)?.All.FirstOrDefault(matcher => matcher.Policy == policy);

    /// <summary>The policies of a vhost, the highest priority first, and of those with the same the first by name.</summary>
    private sealed record VhostPolicies(PolicyMatcher[] Users, PolicyMatcher[] Operators)
    {
        public IEnumerable<PolicyMatcher> All => Users.Concat(Operators);

        public static VhostPolicies Of(IEnumerable<PolicyMatcher> all)
        {
            var ordered = all.OrderByDescending(static matcher => matcher.Policy.Priority).ThenBy(static matcher => matcher.Policy.Name, StringComparer.Ordinal)
                .ToLookup(static matcher => matcher.Policy.IsOperator);
            return new VhostPolicies([.. ordered[false]], [.. ordered[true]]);
        }
    }
}
