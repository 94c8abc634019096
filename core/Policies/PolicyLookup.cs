namespace Granary.Core.Policies;

/// <summary>What was found for a name, and what is known from that when the name is looked up again.</summary>
public readonly record struct PolicyLookup
{
    internal PolicyLookup(FoundPolicies last, FoundPolicies? earlier) => (Last, Earlier) = (last, earlier);

    /// <summary>Null: nothing was looked up yet.</summary>
    public AppliedPolicy? Found => Last?.Policies;

    internal FoundPolicies? Last { get; }

    /// <summary>What was found at a time when it came after more policies than <see cref="Last"/> does; null: that never was.</summary>
    internal FoundPolicies? Earlier { get; }

    /// <summary>Whether it is known that a policy does not match.</summary>
    internal bool Refutes(PolicyMatcher policy) => Last?.Refutes(policy) == true || Earlier?.Refutes(policy) == true;

    /// <summary>Whether it is known that a policy matches.</summary>
    internal bool Confirms(PolicyMatcher policy) => Last?.Has(policy) == true || Earlier?.Has(policy) == true;
}

/// <summary>What was found for a name in one table.</summary>
/// <param name="Number">Of the table.</param>
internal sealed record FoundPolicies(AppliedPolicy Policies, long Number)
{
    public bool Has(PolicyMatcher policy) => policy == Of(policy.Policy.IsOperator);

    /// <summary>Those that were there and came before what was found did not match, and do not now.</summary>
    public bool Refutes(PolicyMatcher policy) => policy.Since <= Number && IsAhead(policy, Of(policy.Policy.IsOperator));

    /// <summary>Whether it comes after policies that others do not come after.</summary>
    public bool IsFartherThan(AppliedPolicy other) =>
        (other.UserMatcher is { } user && IsAhead(user, Policies.UserMatcher)) || (other.OperatorMatcher is { } operators && IsAhead(operators, Policies.OperatorMatcher));

    private PolicyMatcher? Of(bool isOperator) => isOperator ? Policies.OperatorMatcher : Policies.UserMatcher;

    private static bool IsAhead(PolicyMatcher policy, PolicyMatcher? found) => found is null || OrderedPolicies.Compare(policy.Policy, found.Policy) < 0;
}
