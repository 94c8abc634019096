using System.CommandLine;
using Granary.Core.Access;
using Granary.Gateway.Access;
using Granary.Gateway.Access.Tokens;
using Granary.Node.Configuration;

namespace Granary.Node.Options;

/// <summary>The options of how clients may log in.</summary>
internal sealed class AuthenticationGroup(Settings settings)
{
    private readonly Option<string[]> _mechanisms = settings.Of(
        "--auth-mechanisms", new AuthenticationOptions().Mechanisms.ToArray(), "What is offered to clients of AMQP, with commas between them: PLAIN, AMQPLAIN, EXTERNAL, ANONYMOUS.", Mechanisms);

    private readonly Option<string> _anonymous = settings.Of(
        "--anonymous-login-user", Account.GuestName,
        "Whom clients are that log in by ANONYMOUS, with the password in GRANARY_ANONYMOUS_LOGIN_PASS (guest unless told); none for nobody.", SettingText.AsItIs);

    private readonly Option<AuthenticationBackend[]> _backends = settings.Of<AuthenticationBackend[]>(
        "--auth-backends", [AuthenticationBackend.Internal], "Who is asked about a password, one after the other, with commas between them: internal, oauth2.", Backends);

    private readonly Option<CertificateName> _certificateName = settings.Of(
        "--cert-login-from", CertificateName.DistinguishedName,
        "Which part of a client's certificate is its user's name with EXTERNAL: distinguished_name, common_name, subject_alternative_name.", CertificateNameOf);

    private readonly Option<string> _sanType = settings.Of("--cert-login-san-type", "dns", "The type of subject alternative name that is meant: dns, ip, email, uri, other_name.", SanType);
    private readonly Option<int> _sanIndex = settings.Of("--cert-login-san-index", 0, "Which of that type, counted from 0.", SettingText.Number(0, 1000));
    private readonly Option<string> _resource = settings.Of("--oauth-resource-server", "", "Whom tokens have to be for: their claim aud, and what their scopes begin with.", SettingText.AsItIs);
    private readonly Option<string> _issuer = settings.Of("--oauth-issuer", "", "Who has to have issued a token: its claim iss.", SettingText.AsItIs);
    private readonly Option<string?> _keysAddress = settings.Of<string?>(
        "--oauth-jwks-url", null, "Where the issuer's keys are, with https://; what the issuer says of itself at /.well-known/openid-configuration unless told.", SettingText.AsItIs);

    private readonly Option<Dictionary<string, string>> _keyFiles = settings.Of<Dictionary<string, string>>(
        "--oauth-signing-keys", [], "Files in PEM with public keys, by their ids, with commas between them: id=path.", static text => Pairs(text, "an id and a file, as in id=path"));

    private readonly Option<string?> _defaultKey = settings.Of<string?>("--oauth-default-key", null, "The id of the key of tokens that name none; they are refused unless told.", SettingText.AsItIs);
    private readonly Option<string?> _scopePrefix = settings.Of<string?>(
        "--oauth-scope-prefix", null, "What the scopes for this broker begin with; --oauth-resource-server and a dot unless told.", SettingText.AsItIs);

    private readonly Option<string[]> _moreScopes = settings.Of<string[]>("--oauth-scopes-key", [], "Claims that have scopes besides scope, with spaces or commas between them.", List);
    private readonly Option<Dictionary<string, string>> _aliases = settings.Of<Dictionary<string, string>>(
        "--oauth-scope-aliases", [], "Names that stand for scopes, with commas between them and spaces between their scopes: name=scope scope.", static text => Pairs(text, "a name and its scopes, as in name=scope scope"));

    private readonly Option<string[]> _userClaims = settings.Of<string[]>(
        "--oauth-username-claims", [], "Claims that are looked for the user's name before sub and client_id, with commas between them.", List);

    private readonly Option<string[]> _algorithms = settings.Of(
        "--oauth-algorithms", TokenOptions.KnownAlgorithms.ToArray(), $"By what tokens may be signed, with commas between them: {string.Join(", ", TokenOptions.KnownAlgorithms)}.", Algorithms);

    private readonly Option<bool> _verifiesAudience = settings.Of("--oauth-verify-aud", true, "Tokens for others are refused.", SettingText.Flag);
    private readonly Option<string?> _authority = settings.Of<string?>(
        "--oauth-ca", null, "A file in PEM: the CAs that sign for the issuer's server; those that the machine trusts unless told.", SettingText.AsItIs);

    public AuthenticationOptions Read(ParseResult result) => new()
    {
        Mechanisms = result.GetValue(_mechanisms)!,
        AnonymousUser = result.GetValue(_anonymous) is { } anonymous and not "none" ? anonymous : null,
        AnonymousPassword = settings.ReadSecret(Secret.AnonymousPass) ?? Account.GuestName,
        Backends = result.GetValue(_backends)!,
        Certificates = new CertificateLogin(result.GetValue(_certificateName), result.GetValue(_sanType)!, result.GetValue(_sanIndex)),
        Tokens = new TokenOptions
        {
            ResourceServer = result.GetValue(_resource)!,
            Issuer = result.GetValue(_issuer)!,
            KeysAddress = result.GetValue(_keysAddress),
            KeyFiles = result.GetValue(_keyFiles)!,
            DefaultKey = result.GetValue(_defaultKey),
            ScopePrefix = result.GetValue(_scopePrefix),
            MoreScopes = result.GetValue(_moreScopes)!,
            ScopeAliases = result.GetValue(_aliases)!.ToDictionary(static alias => alias.Key, static alias => List(alias.Value), StringComparer.Ordinal),
            UserClaims = result.GetValue(_userClaims)!,
            Algorithms = result.GetValue(_algorithms)!,
            VerifiesAudience = result.GetValue(_verifiesAudience),
            Authority = result.GetValue(_authority),
        },
    };

    private static string[] List(string text) => text.Split([',', ' '], StringSplitOptions.RemoveEmptyEntries | StringSplitOptions.TrimEntries);

    private static string[] Mechanisms(string text) => [.. List(text).Distinct(StringComparer.Ordinal).Select(static mechanism => AuthenticationOptions.KnownMechanisms.Contains(mechanism)
        ? mechanism
        : throw new FormatException($"'{mechanism}' is not one of {string.Join(", ", AuthenticationOptions.KnownMechanisms)}"))];

    private static AuthenticationBackend[] Backends(string text) => [.. List(text).Select(static backend => backend switch
    {
        "internal" => AuthenticationBackend.Internal,
        "oauth2" => AuthenticationBackend.Oauth2,
        _ => throw new FormatException($"'{backend}' is not one of internal, oauth2"),
    }).Distinct()];

    private static CertificateName CertificateNameOf(string text) => text switch
    {
        "distinguished_name" => CertificateName.DistinguishedName,
        "common_name" => CertificateName.CommonName,
        "subject_alternative_name" or "subject_alt_name" => CertificateName.SubjectAlternativeName,
        _ => throw new FormatException($"'{text}' is not one of distinguished_name, common_name, subject_alternative_name"),
    };

    private static string SanType(string text) =>
        text is "dns" or "ip" or "email" or "uri" or "other_name" ? text : throw new FormatException($"'{text}' is not one of dns, ip, email, uri, other_name");

    private static Dictionary<string, string> Pairs(string text, string what)
    {
        var pairs = new Dictionary<string, string>(StringComparer.Ordinal);
        foreach (var one in text.Split(',', StringSplitOptions.RemoveEmptyEntries | StringSplitOptions.TrimEntries))
        {
            var equals = one.IndexOf('=', StringComparison.Ordinal);
            pairs[equals > 0 ? one[..equals] : throw new FormatException($"'{one}' is not {what}")] = one[(equals + 1)..];
        }

        return pairs;
    }

    // Never by a secret: who may check a token could make one.
    private static string[] Algorithms(string text) => [.. List(text).Select(static algorithm => TokenOptions.KnownAlgorithms.Contains(algorithm)
        ? algorithm
        : throw new FormatException($"'{algorithm}' is not one of {string.Join(", ", TokenOptions.KnownAlgorithms)}: only those whose keys are public"))];
}
