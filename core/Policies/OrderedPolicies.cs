using Granary.Core.Access;

namespace Granary.Core.Policies;

/// <summary>The policies of users, or of operators, in a vhost: the highest priority first, and of those with the same the first by name.</summary>
internal sealed class OrderedPolicies
{
    private readonly PolicyMatcher[] _all;
    private readonly Lazy<PatternIndex> _index;

    public OrderedPolicies(IEnumerable<PolicyMatcher> all)
    {
        _all = [.. all.Order(Comparer<PolicyMatcher>.Create(static (one, other) => Compare(one.Policy, other.Policy)))];
        _index = new Lazy<PatternIndex>(() => new PatternIndex([.. _all.Select(static policy => policy.Pattern)]));
    }

    public IEnumerable<PolicyMatcher> All => _all;

    /// <summary>Which of two policies comes first.</summary>
    public static int Compare(Policy one, Policy other) =>
        one.Priority != other.Priority ? other.Priority.CompareTo(one.Priority) : string.CompareOrdinal(one.Name, other.Name);

    /// <summary>The first in order that matches; null: none does.</summary>
    /// <param name="asked">Raised by how many had to be matched with the name.</param>
    public PolicyMatcher? Find(PolicyTarget target, string name, PolicyLookup before, ref long asked)
    {
        return First(_index.Value.Find(name) is { } candidates ? candidates.Select(at => _all[at]) : _all, target, name, before, ref asked);
    }

    private static PolicyMatcher? First(IEnumerable<PolicyMatcher> policies, PolicyTarget target, string name, PolicyLookup before, ref long asked)
    {
        foreach (var policy in policies)
        {
            if (IsFound(policy, target, name, before, ref asked))
            {
                return policy;
            }
        }

        return null;
    }

    private static bool IsFound(PolicyMatcher policy, PolicyTarget target, string name, PolicyLookup before, ref long asked)
    {
        if (before.Confirms(policy))
        {
            return true;
        }

        if (before.Refutes(policy) && !policy.Late.Has(name))
        {
            return false;
        }

        asked++;
        return policy.Matches(target, name);
    }
}
