using System.Runtime.CompilerServices;
using Granary.Core.Access;

namespace Granary.Core.Policies;

/// <summary>A policy made ready to be matched with thousands of names.</summary>
public sealed class PolicyMatcher
{
    private readonly ConditionalWeakTable<PolicyMatcher, AppliedPolicy> _merged = [];
    private readonly Lazy<AppliedPolicy> _alone;

    /// <param name="policy">The policy.</param>
    /// <param name="since">The number of the table that it came with, and has been in since.</param>
    public PolicyMatcher(Policy policy, long since)
    {
        ArgumentNullException.ThrowIfNull(policy);
        (Policy, Since) = (policy, since);
        Definition = PolicyDefinition.Parse(policy.Definition);
        Targets = PolicyTargets.Of(policy.ApplyTo, Definition.Keys);

        // Unlike that of a permission, an empty pattern is found in every name.
        Pattern = NamePattern.Parse(policy.Pattern.Length == 0 ? ".*" : policy.Pattern);
        _alone = new Lazy<AppliedPolicy>(() => policy.IsOperator ? new AppliedPolicy(null, this, Definition) : new AppliedPolicy(this, null, Definition));
    }

    public Policy Policy { get; }

    /// <summary>The number of the first table that it is in.</summary>
    internal long Since { get; }

    public PolicyDefinition Definition { get; }

    public PolicyTarget Targets { get; }

    /// <summary>What is gone by where no policy of the other kind matches.</summary>
    internal AppliedPolicy Alone => _alone.Value;

    internal NamePattern Pattern { get; }

    public bool Matches(PolicyTarget target, string name) => (Targets & target) != 0 && MatchesName(name);

    /// <summary>What could not be told in time.</summary>
    internal LateNames Late { get; } = new();

    internal bool MatchesName(string name)
    {
        if (Late.Has(name))
        {
            return true;
        }

        if (Pattern.Find(name) is { } isFound)
        {
            return isFound;
        }

        Late.Note(name);
        return false;
    }

    /// <summary>What is gone by where this one and an operator's match: made once for all queues.</summary>
    internal AppliedPolicy With(PolicyMatcher operators) =>
        _merged.GetValue(operators, other => new AppliedPolicy(this, other, PolicyDefinition.Merge(Definition, other.Definition)));
}

/// <summary>The policies that a queue or an exchange goes by. The same object for all that go by the same ones.</summary>
public sealed class AppliedPolicy
{
    public static readonly AppliedPolicy None = new(null, null, PolicyDefinition.Empty);

    internal AppliedPolicy(PolicyMatcher? user, PolicyMatcher? operators, PolicyDefinition definition) => (UserMatcher, OperatorMatcher, Definition) = (user, operators, definition);

    /// <summary>Null: no policy of a user matches.</summary>
    public Policy? User => UserMatcher?.Policy;

    /// <summary>Null: no policy of an operator matches.</summary>
    public Policy? Operator => OperatorMatcher?.Policy;

    /// <summary>What both come to.</summary>
    public PolicyDefinition Definition { get; }

    internal PolicyMatcher? UserMatcher { get; }

    internal PolicyMatcher? OperatorMatcher { get; }

    internal static AppliedPolicy Of(PolicyMatcher? user, PolicyMatcher? operators) =>
        user is null ? operators?.Alone ?? None : operators is null ? user.Alone : user.With(operators);
}
