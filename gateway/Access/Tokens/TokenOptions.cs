namespace Granary.Gateway.Access.Tokens;

/// <summary>Which tokens are accepted, and what is read of them: RabbitMQ's <c>auth_oauth2</c>.</summary>
public sealed record TokenOptions
{
    /// <summary>Those whose keys are public: by what is published nobody can sign.</summary>
    public static readonly IReadOnlyList<string> KnownAlgorithms = ["RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512"];

    /// <summary>Whom a token has to be for (<c>aud</c>): what the broker is called by who issues tokens.</summary>
    public required string ResourceServer { get; init; }

    /// <summary>Who has to have issued it (<c>iss</c>).</summary>
    public required string Issuer { get; init; }

    /// <summary>Where the issuer's keys are; null: where it says so itself, at <c>/.well-known/openid-configuration</c>, unless there are files.</summary>
    public string? KeysAddress { get; init; }

    /// <summary>Files in PEM with public keys, by the ids that tokens name them by.</summary>
    public IReadOnlyDictionary<string, string> KeyFiles { get; init; } = new Dictionary<string, string>();

    /// <summary>The id of the key of tokens that name none; null: they are refused.</summary>
    public string? DefaultKey { get; init; }

    /// <summary>What scopes for this broker begin with; null: the resource server and a dot.</summary>
    public string? ScopePrefix { get; init; }

    /// <summary>Where scopes are besides <c>scope</c>: claims, with dots between the parts of a path.</summary>
    public IReadOnlyList<string> MoreScopes { get; init; } = [];

    /// <summary>What stands for other scopes: names that an issuer has of its own, with the scopes for this broker that each gives.</summary>
    public IReadOnlyDictionary<string, string[]> ScopeAliases { get; init; } = new Dictionary<string, string[]>();

    /// <summary>Which claims are looked for a user's name before <c>sub</c> and <c>client_id</c>.</summary>
    public IReadOnlyList<string> UserClaims { get; init; } = [];

    public IReadOnlyList<string> Algorithms { get; init; } = KnownAlgorithms;

    /// <summary>False: tokens for others are accepted, too.</summary>
    public bool VerifiesAudience { get; init; } = true;

    /// <summary>A file in PEM: the CAs that sign for the issuer's server; null: those that the machine trusts.</summary>
    public string? Authority { get; init; }

    public string Prefix => ScopePrefix ?? $"{ResourceServer}.";

    /// <summary>Why it cannot be used, and what to do, for the operator; null: nothing is wrong.</summary>
    public string? Refusal() =>
        ResourceServer.Length == 0 ? "The backend oauth2 needs --oauth-resource-server: whom tokens have to be for."
        : Issuer.Length == 0 ? "The backend oauth2 needs --oauth-issuer: who has to have issued a token (its claim iss)."
        : KeysAddress is { } address && !IsHttps(address) ? $"--oauth-jwks-url: {address} is not an address that begins with https://."
        : KeysAddress is null && KeyFiles.Count == 0 && !IsHttps(Issuer) ? $"The keys of tokens are unknown: --oauth-issuer {Issuer} does not begin with https://, so --oauth-jwks-url or --oauth-signing-keys is needed."
        : DefaultKey is { } key && KeysAddress is null && KeyFiles.Count > 0 && !KeyFiles.ContainsKey(key) ? $"--oauth-default-key: --oauth-signing-keys has no key '{key}'."
        : KeyFiles.Select(static file => TokenKeyFile.Refusal(file.Value)).FirstOrDefault(static refusal => refusal is not null) is { } refusal ? $"--oauth-signing-keys: {refusal}"
        : Authority is { } authority && !File.Exists(authority) ? $"--oauth-ca: there is no file {authority}."
        : null;

    private static bool IsHttps(string address) => Uri.TryCreate(address, UriKind.Absolute, out var uri) && uri.Scheme == Uri.UriSchemeHttps;
}
