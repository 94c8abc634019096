using System.Collections.Frozen;

namespace Granary.Core.Access;

/// <summary>What the permissions of a user in a vhost give.</summary>
internal sealed class PermissionGrants : IGrants
{
    private readonly NamePattern[] _patterns;
    private readonly FrozenDictionary<string, (NamePattern Write, NamePattern Read)> _topics;

    public PermissionGrants(Permission permission, IEnumerable<TopicPermission> topics)
    {
        _patterns = [NamePattern.Parse(permission.Configure), NamePattern.Parse(permission.Write), NamePattern.Parse(permission.Read)];
        _topics = topics.ToFrozenDictionary(
            topic => topic.Exchange, topic => (Write: Expanded(topic.Write, permission), Read: Expanded(topic.Read, permission)), StringComparer.Ordinal);
    }

    public bool LimitsAnyTopics => _topics.Count > 0;

    public bool Allows(Right right, string name) => _patterns[(int)right].Matches(name);

    public bool AllowsAll(Right right) => _patterns[(int)right].MatchesAll;

    public bool LimitsTopics(string exchange) => _topics.ContainsKey(exchange);

    public bool AllowsTopic(Right right, string exchange, string key) =>
        !_topics.TryGetValue(exchange, out var patterns) || (right == Right.Write ? patterns.Write : patterns.Read).Matches(key);

    private static NamePattern Expanded(string pattern, Permission of) => NamePattern.Parse(pattern
        .Replace("{username}", NamePattern.Escape(of.User), StringComparison.Ordinal)
        .Replace("{vhost}", NamePattern.Escape(of.Vhost), StringComparison.Ordinal));
}
