namespace Granary.Core.Access;

/// <summary>
/// What the scopes of a token give in one vhost, as in rabbitmq_auth_backend_oauth2: <c>read:vhost/name</c>, <c>write:vhost/name/key</c>, <c>configure:…</c>. Routing
/// keys matter for every topic exchange, and one is allowed by a scope with three parts alone.
/// </summary>
public sealed class ScopeGrants : IGrants
{
    private readonly Grant[] _grants;

    private ScopeGrants(Grant[] grants) => _grants = grants;

    public bool LimitsAnyTopics => true;

    /// <summary>Null: none of the scopes is about the vhost, which may not be entered then.</summary>
    /// <param name="scopes">Without the prefix that says that they are for this broker.</param>
    /// <param name="values">What <c>{name}</c> in a scope stands for: null where it stands for nothing, and the scope gives nothing.</param>
    public static ScopeGrants? Of(IEnumerable<string> scopes, string vhost, Func<string, string?> values)
    {
        ArgumentNullException.ThrowIfNull(scopes);
        Grant[] grants = [.. scopes.Select(scope => Parse(scope, vhost, values)).OfType<Grant>().Where(grant => grant.Vhost.Matches(vhost))];
        return grants.Length > 0 ? new ScopeGrants(grants) : null;
    }

    public bool Allows(Right right, string name) => Array.Exists(_grants, grant => grant.Right == right && grant.Name.Matches(name));

    public bool AllowsAll(Right right)
    {
        foreach (var grant in _grants)
        {
            if (grant.Right == right && grant.Name.MatchesAll)
            {
                return true;
            }
        }

        return false;
    }

    public bool LimitsTopics(string exchange) => true;

    public bool AllowsTopic(Right right, string exchange, string key) =>
        Array.Exists(_grants, grant => grant.Right == right && grant.Key?.Matches(key) == true && grant.Name.Matches(exchange));

    private static Grant? Parse(string scope, string vhost, Func<string, string?> values)
    {
        var colon = scope.IndexOf(':', StringComparison.Ordinal);
        Right? right = (colon < 0 ? "" : scope[..colon]) switch
        {
            "read" => Right.Read,
            "write" => Right.Write,
            "configure" => Right.Configure,
            _ => null,
        };
        if (right is not { } given || Expand(scope[(colon + 1)..], name => name == "vhost" ? vhost : values(name)) is not { } expanded)
        {
            return null;
        }

        var parts = Array.ConvertAll(expanded.Split('/'), Wildcard.Parse);
        return parts.Length is 2 or 3 && parts.All(static part => part is not null) ? new Grant(given, parts[0]!, parts[1]!, parts.Length == 3 ? parts[2] : null) : null;
    }

    // What is put in stands for itself: a name with a star, or a slash, gives nothing more.
    private static string? Expand(string pattern, Func<string, string?> values)
    {
        for (var open = pattern.IndexOf('{', StringComparison.Ordinal); open >= 0; open = pattern.IndexOf('{', StringComparison.Ordinal))
        {
            var close = pattern.IndexOf('}', open);
            if (close < 0 || values(pattern[(open + 1)..close]) is not { } value)
            {
                return null;
            }

            pattern = $"{pattern[..open]}{Wildcard.Escape(value)}{pattern[(close + 1)..]}";
        }

        return pattern;
    }

    /// <param name="Key">Null: of no topic.</param>
    private sealed record Grant(Right Right, Wildcard Vhost, Wildcard Name, Wildcard? Key);
}
