using System.Collections.Concurrent;
using System.Collections.Frozen;

namespace Granary.Core.Policies;

/// <summary>All policies at one time. It never changes: a change makes another one, of which the vhosts that it is not of are the same.</summary>
public sealed class PolicyTable
{
    public static readonly PolicyTable Empty = new(FrozenDictionary<string, VhostPolicies>.Empty, 0);

    private readonly FrozenDictionary<string, VhostPolicies> _vhosts;

    // Which one it is of those that were made of each other.
    private readonly long _number;

    // The same for all that go by the same ones.
    private readonly ConcurrentDictionary<AppliedPolicy, FoundPolicies> _found = new();

    private PolicyTable(FrozenDictionary<string, VhostPolicies> vhosts, long number) => (_vhosts, _number) = (vhosts, number);

    internal IEnumerable<PolicyMatcher> All => _vhosts.Values.SelectMany(static vhost => vhost.All);

    /// <summary>What a queue or exchange goes by.</summary>
    public AppliedPolicy Find(string vhost, PolicyTarget target, string name) =>
        Find(vhost, target, name, default).Found ?? AppliedPolicy.None;

    /// <summary>What a queue or exchange goes by, whose name is looked up once more: only policies that came since are matched, and those that one hid that has gone.</summary>
    /// <param name="before">What was found for the same name and target, in this table or one that it was made of; <c>default</c>: nothing was looked up.</param>
    public PolicyLookup Find(string vhost, PolicyTarget target, string name, PolicyLookup before)
    {
        var asked = 0L;
        return Find(vhost, target, name, before, ref asked);
    }

    /// <inheritdoc cref="Find(string, PolicyTarget, string, PolicyLookup)"/>
    /// <param name="asked">Raised by how many policies had to be matched with the name: what a lookup costs.</param>
    internal PolicyLookup Find(string vhost, PolicyTarget target, string name, PolicyLookup before, ref long asked)
    {
        var found = _vhosts.TryGetValue(vhost, out var policies)
            ? AppliedPolicy.Of(policies.Users.Find(target, name, before, ref asked), policies.Operators.Find(target, name, before, ref asked))
            : AppliedPolicy.None;

        // A policy for everything that comes and goes hides for a while what was found before: that still says of all policies ahead of it that they do not match.
        var farthest = before.Earlier ?? before.Last;
        return new PolicyLookup(_found.GetOrAdd(found, static (policies, number) => new FoundPolicies(policies, number), _number), farthest is not null && farthest.IsFartherThan(found) ? farthest : null);
    }

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

    private PolicyMatcher? Known(Policy policy) => _vhosts.GetValueOrDefault(policy.Vhost)?.All.FirstOrDefault(matcher => matcher.Policy == policy);

    /// <summary>The policies of a vhost.</summary>
    private sealed record VhostPolicies(OrderedPolicies Users, OrderedPolicies Operators)
    {
        public IEnumerable<PolicyMatcher> All => Users.All.Concat(Operators.All);

        public static VhostPolicies Of(IEnumerable<PolicyMatcher> all)
        {
            var byKind = all.ToLookup(static matcher => matcher.Policy.IsOperator);
            return new VhostPolicies(new OrderedPolicies(byKind[false]), new OrderedPolicies(byKind[true]));
        }
    }
}
