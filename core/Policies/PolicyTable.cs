using System.Collections.Frozen;

namespace Granary.Core.Policies;

/// <summary>All policies at one time. It never changes: a change makes another one, of which the vhosts that it is not of are the same.</summary>
public sealed class PolicyTable
{
    public static readonly PolicyTable Empty = new(FrozenDictionary<string, VhostPolicies>.Empty, 0);

    private readonly FrozenDictionary<string, VhostPolicies> _vhosts;

    // Which one it is of those that were made of each other.
    private readonly long _number;

    private PolicyTable(FrozenDictionary<string, VhostPolicies> vhosts, long number) => (_vhosts, _number) = (vhosts, number);

    /// <summary>What a queue or exchange goes by.</summary>
    public AppliedPolicy Find(string vhost, PolicyTarget target, string name) =>
        Find(vhost, target, name, default).Found ?? AppliedPolicy.None;

    /// <summary>What a queue or exchange goes by, whose name is looked up once more: only policies that came since are matched, and those that one hid that has gone.</summary>
    /// <param name="before">What was found for the same name and target, in this table or one that it was made of; <c>default</c>: nothing was looked up.</param>
    public PolicyLookup Find(string vhost, PolicyTarget target, string name, PolicyLookup before) => new(
        _vhosts.TryGetValue(vhost, out var policies)
            ? AppliedPolicy.Of(Find(policies.Users, target, name, before.Found?.UserMatcher, before), Find(policies.Operators, target, name, before.Found?.OperatorMatcher, before))
            : AppliedPolicy.None,
        _number);

    /// <summary>Of these and no others.</summary>
    public PolicyTable With(IEnumerable<Policy> all) => new(
        all.GroupBy(static policy => policy.Vhost, StringComparer.Ordinal).ToFrozenDictionary(
            static vhost => vhost.Key, vhost => VhostPolicies.Of(vhost.Select(policy => Known(policy) ?? new PolicyMatcher(policy, _number + 1))), StringComparer.Ordinal),
        _number + 1);

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
                    var now = before is not null && before.Policy == policy ? before : new PolicyMatcher(policy, _number + 1);
                    all.Add(KeyOf(policy), now);
                    concerned.Add(now);
                }
            }

            vhosts[vhost.Key] = VhostPolicies.Of(all.Values);
        }

        return new PolicyTable(vhosts.Where(static vhost => vhost.Value.All.Any()).ToFrozenDictionary(StringComparer.Ordinal), _number + 1);
    }

    private static (string Name, bool IsOperator) KeyOf(Policy policy) => (policy.Name, policy.IsOperator);

    // The first in order of priority is the one.
    private static PolicyMatcher? Find(PolicyMatcher[] policies, PolicyTarget target, string name, PolicyMatcher? found, PolicyLookup before)
    {
        var isLookedUp = before.Found is not null;
        foreach (var policy in policies)
        {
            if (policy == found)
            {
                return policy;
            }

            // Those that were there and came before what was found did not match, and do not now.
            var isRefuted = isLookedUp && policy.Since <= before.Number && (found is null || VhostPolicies.Order.Compare(policy, found) < 0);
            if (!isRefuted && policy.Matches(target, name))
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
        public static readonly IComparer<PolicyMatcher> Order = Comparer<PolicyMatcher>.Create(static (one, other) =>
            one.Policy.Priority != other.Policy.Priority ? other.Policy.Priority.CompareTo(one.Policy.Priority) : string.CompareOrdinal(one.Policy.Name, other.Policy.Name));

        public IEnumerable<PolicyMatcher> All => Users.Concat(Operators);

        public static VhostPolicies Of(IEnumerable<PolicyMatcher> all)
        {
            var ordered = all.Order(Order).ToLookup(static matcher => matcher.Policy.IsOperator);
            return new VhostPolicies([.. ordered[false]], [.. ordered[true]]);
        }
    }
}

/// <summary>What was found for a name.</summary>
/// <param name="Found">Null: nothing was looked up yet.</param>
/// <param name="Number">Of the table that it was found in.</param>
public readonly record struct PolicyLookup(AppliedPolicy? Found, long Number);
