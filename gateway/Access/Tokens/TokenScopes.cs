using System.Text.Json;

namespace Granary.Gateway.Access.Tokens;

/// <summary>Finds the scopes of a token, wherever its issuer has put them (rabbit_auth_backend_oauth2).</summary>
internal static class TokenScopes
{
    /// <summary>Where Keycloak has them.</summary>
    private const string OfRequestingParty = "authorization.permissions.scopes";

    private const int Most = 2048;

    /// <summary>Those for this broker, without what they begin with; null: there are too many.</summary>
    public static string[]? Read(JsonElement claims, TokenOptions options)
    {
        var scopes = new HashSet<string>(StringComparer.Ordinal);
        foreach (var path in (string[])["scope", OfRequestingParty, .. options.MoreScopes])
        {
            foreach (var scope in At(claims, path.Split('.'), options.ResourceServer).SelectMany(one => options.ScopeAliases.GetValueOrDefault(one, []).Prepend(one)))
            {
                if (scope.StartsWith(options.Prefix, StringComparison.Ordinal))
                {
                    scopes.Add(scope[options.Prefix.Length..]);
                }
            }
        }

        return scopes.Count > Most ? null : [.. scopes];
    }

    private static IEnumerable<string> At(JsonElement value, ReadOnlyMemory<string> path, string resource)
    {
        if (path.IsEmpty)
        {
            return Listed(value, resource);
        }

        return value.ValueKind switch
        {
            JsonValueKind.Object when value.TryGetProperty(path.Span[0], out var next) => At(next, path[1..], resource),
            JsonValueKind.Array => value.EnumerateArray().Where(static item => item.ValueKind == JsonValueKind.Object).SelectMany(item => At(item, path, resource)),
            _ => [],
        };
    }

    // One text with spaces, a list of texts, or those of several resources.
    private static IEnumerable<string> Listed(JsonElement value, string resource) => value.ValueKind switch
    {
        JsonValueKind.String => value.GetString()!.Split(' ', StringSplitOptions.RemoveEmptyEntries),
        JsonValueKind.Array => value.EnumerateArray().Where(static item => item.ValueKind == JsonValueKind.String).Select(static item => item.GetString()!),
        JsonValueKind.Object when value.TryGetProperty(resource, out var own) && own.ValueKind != JsonValueKind.Object => Listed(own, resource).Select(scope => $"{resource}.{scope}"),
        _ => [],
    };
}
