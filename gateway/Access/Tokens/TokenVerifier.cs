using System.Text.Json;
using Microsoft.Extensions.Logging;
using Microsoft.IdentityModel.JsonWebTokens;
using Microsoft.IdentityModel.Tokens;

namespace Granary.Gateway.Access.Tokens;

/// <summary>
/// Says whether a token (JWT) is true: signed by a key that is known, by an algorithm that is allowed for it, by the issuer, for this broker, and not expired. What a
/// token itself says of where its key is (<c>jku</c>, <c>x5u</c>, <c>jwk</c>, <c>x5c</c>) is not looked at. Tokens are never logged, nor is what is in them.
/// </summary>
internal sealed partial class TokenVerifier(TokenOptions options, TokenKeys keys, TimeProvider clock, ILogger<TokenVerifier> log)
{
    private static readonly string[] StandardUserClaims = ["sub", "client_id"];

    private readonly JsonWebTokenHandler _handler = new() { MapInboundClaims = false };

    /// <summary>Null: it is none, or not true; the log says why.</summary>
    public async ValueTask<VerifiedToken?> VerifyAsync(string token, CancellationToken cancellation)
    {
        if (!MayBe(token))
        {
            // A password, for another backend.
            return null;
        }

        var (verified, refusal) = await CheckAsync(token, cancellation).ConfigureAwait(false);
        if (verified is null)
        {
            LogRefused(log, refusal);
        }

        return verified;
    }

    public TimeProvider Clock => clock;

    public DateTimeOffset Now => clock.GetUtcNow();

    private static bool MayBe(string token) => token.Count(static letter => letter == '.') == 2
        && token.AsSpan().IndexOfAnyExcept("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_.=") < 0;

    private async ValueTask<(VerifiedToken? Token, string Refusal)> CheckAsync(string token, CancellationToken cancellation)
    {
        JsonWebToken read;
        try
        {
            read = new JsonWebToken(token);
        }
        catch (Exception exception) when (exception is ArgumentException or SecurityTokenException or JsonException or FormatException)
        {
            return (null, "it is malformed");
        }

        if (!options.Algorithms.Contains(read.Alg, StringComparer.Ordinal))
        {
            return (null, "its algorithm is not one of those that are allowed");
        }

        if (await keys.FindAsync(read.Kid is { Length: > 0 } id ? id : null, cancellation).ConfigureAwait(false) is not { } key)
        {
            return (null, "the key that it names is not known");
        }

        var result = await _handler.ValidateTokenAsync(token, ParametersFor(key)).ConfigureAwait(false);
        return result.IsValid ? Read(read) : (null, ReasonOf(result.Exception));
    }

    private TokenValidationParameters ParametersFor(SecurityKey key) => new()
    {
        IssuerSigningKey = key,
        TryAllIssuerSigningKeys = true,
        RequireSignedTokens = true,
        ValidAlgorithms = options.Algorithms,
        ValidIssuer = options.Issuer,
        ValidateAudience = options.VerifiesAudience,
        AudienceValidator = (audiences, _, _) => !options.VerifiesAudience || audiences.SelectMany(static audience => audience.Split(' ')).Contains(options.ResourceServer, StringComparer.Ordinal),
        RequireExpirationTime = true,
        LifetimeValidator = (from, until, _, _) => until is { } end && end > clock.GetUtcNow().UtcDateTime && (from is not { } begin || begin <= clock.GetUtcNow().UtcDateTime),
    };

    private (VerifiedToken? Token, string Refusal) Read(JsonWebToken token)
    {
        using var claims = JsonDocument.Parse(Base64UrlEncoder.DecodeBytes(token.EncodedPayload));
        if (TokenScopes.Read(claims.RootElement, options) is not { } scopes)
        {
            return (null, "it has too many scopes");
        }

        var values = claims.RootElement.EnumerateObject().Where(static claim => claim.Value.ValueKind == JsonValueKind.String)
            .DistinctBy(static claim => claim.Name).ToDictionary(static claim => claim.Name, static claim => claim.Value.GetString()!, StringComparer.Ordinal);
        return options.UserClaims.Concat(StandardUserClaims).Select(claim => values.GetValueOrDefault(claim)).FirstOrDefault(static name => name is { Length: > 0 }) is { } user
            ? (new VerifiedToken(user, token.ValidTo, scopes, values), "")
            : (null, "it does not say whom it is of");
    }

    // In words of our own: the library's have parts of the token.
    private static string ReasonOf(Exception? exception) => exception switch
    {
        SecurityTokenNoExpirationException => "it has no expiry",
        SecurityTokenExpiredException or SecurityTokenInvalidLifetimeException or SecurityTokenNotYetValidException => "it has expired, or is not valid yet",
        SecurityTokenInvalidAudienceException => "it is for somebody else (aud)",
        SecurityTokenInvalidIssuerException => "it is of another issuer (iss)",
        SecurityTokenInvalidAlgorithmException => "its algorithm is not one of those that are allowed",
        SecurityTokenInvalidSignatureException => "its signature is not that of the key that it names",
        _ => $"it is not valid ({exception?.GetType().Name})",
    };

    [LoggerMessage(1693, LogLevel.Warning, "A token was refused: {Reason}")]
    private static partial void LogRefused(ILogger logger, string reason);
}
