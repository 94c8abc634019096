using Granary.Core.Grains;

namespace Granary.Core.Policies;

/// <summary>Which queues and exchanges may go by something else after a change.</summary>
public sealed class PolicyChange
{
    /// <summary>All of them may.</summary>
    public static readonly PolicyChange Everything = new(vhosts: null, keys: null);

    /// <summary>Beyond it, it costs less to have each of the vhost look.</summary>
    private const int MostLookedAt = 16;

    // Null: all, or those of the keys.
    private readonly Dictionary<string, List<PolicyMatcher>>? _vhosts;
    private readonly IReadOnlySet<string>? _keys;

    private PolicyChange(Dictionary<string, List<PolicyMatcher>>? vhosts, IReadOnlySet<string>? keys) => (_vhosts, _keys) = (vhosts, keys);

    public bool IsNothing => _keys is { Count: 0 } || _vhosts is { Count: 0 };

    /// <param name="policies">As they were and as they are.</param>
    internal static PolicyChange Of(IEnumerable<PolicyMatcher> policies) => new(policies.GroupBy(static policy => policy.Policy.Vhost, StringComparer.Ordinal)
        .ToDictionary(static vhost => GrainKeys.For(vhost.Key, ""), static vhost => vhost.Distinct().ToList(), StringComparer.Ordinal), keys: null);

    /// <summary>Policies are as they were, and it was found out that some match these names.</summary>
    /// <param name="keys">See <see cref="GrainKeys"/>.</param>
    internal static PolicyChange Of(IReadOnlySet<string> keys) => new(vhosts: null, keys);

    /// <param name="key">See <see cref="GrainKeys"/>.</param>
    public bool MayConcern(string key)
    {
        ArgumentNullException.ThrowIfNull(key);
        if (_vhosts is null)
        {
            return _keys?.Contains(key) != false;
        }

        foreach (var (prefix, policies) in _vhosts)
        {
            if (key.StartsWith(prefix, StringComparison.Ordinal))
            {
                var name = key[prefix.Length..];
                return policies.Count > MostLookedAt || policies.Exists(policy => policy.MatchesName(name));
            }
        }

        return false;
    }
}
