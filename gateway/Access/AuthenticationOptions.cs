using Granary.Core.Access;
using Granary.Gateway.Access.Tokens;

namespace Granary.Gateway.Access;

/// <summary>How clients may log in, and who says who they are.</summary>
public sealed record AuthenticationOptions
{
    public const string Plain = "PLAIN", AmqPlain = "AMQPLAIN", External = "EXTERNAL", Anonymous = "ANONYMOUS";

    public static readonly IReadOnlyList<string> KnownMechanisms = [Plain, AmqPlain, External, Anonymous];

    /// <summary>RabbitMQ's <c>auth_mechanisms</c>: what is offered to clients of AMQP. With EXTERNAL those of gRPC and HTTP may log in by their certificates, too.</summary>
    public IReadOnlyList<string> Mechanisms { get; init; } = [Plain, AmqPlain];

    /// <summary>RabbitMQ's <c>anonymous_login_user</c>: whom clients are that log in by ANONYMOUS; null: nobody, and the mechanism is not offered.</summary>
    public string? AnonymousUser { get; init; } = Account.GuestName;

    /// <summary>RabbitMQ's <c>anonymous_login_pass</c>: with what they are logged in as that user, as any other client would be.</summary>
    public string AnonymousPassword { get; init; } = Account.GuestName;

    /// <summary>RabbitMQ's <c>auth_backends</c>: who is asked about a password, one after the other.</summary>
    public IReadOnlyList<AuthenticationBackend> Backends { get; init; } = [AuthenticationBackend.Internal];

    /// <summary>Which part of a client's certificate is the name of its user.</summary>
    public CertificateLogin Certificates { get; init; } = new();

    /// <summary>What tokens are accepted; null: none.</summary>
    public TokenOptions? Tokens { get; init; }

    /// <summary>Why it cannot be used, and what to do, for the operator; null: nothing is wrong.</summary>
    /// <param name="verifiesPeers">Clients are asked for certificates somewhere.</param>
    public string? Refusal(bool verifiesPeers) =>
        Mechanisms.Contains(External) && !verifiesPeers
            ? "The mechanism EXTERNAL is for clients with certificates, and none are asked for: it needs --tls-certificate, --tls-key, --tls-ca and --tls-verify verify_peer."
            : Backends.Contains(AuthenticationBackend.Oauth2) ? Tokens?.Refusal() ?? (Tokens is null ? "The backend oauth2 needs --oauth-resource-server and --oauth-issuer." : null)
            : null;

    /// <summary>Without the password.</summary>
    public override string ToString() => $"{nameof(AuthenticationOptions)} {{ Mechanisms = {string.Join(' ', Mechanisms)} }}";
}

/// <summary>Who is asked about a password.</summary>
public enum AuthenticationBackend
{
    /// <summary>The users in the store.</summary>
    Internal,

    /// <summary>Nobody: a password is a token, which says it itself.</summary>
    Oauth2,
}

/// <summary>RabbitMQ's <c>ssl_cert_login_from</c>.</summary>
/// <param name="SanType">Of a name among the alternative ones: <c>dns</c>, <c>ip</c>, <c>email</c>, <c>uri</c>, <c>other_name</c>.</param>
/// <param name="SanIndex">Which of that type, from 0 on.</param>
public sealed record CertificateLogin(CertificateName From = CertificateName.DistinguishedName, string SanType = "dns", int SanIndex = 0);

/// <summary>A part of a certificate.</summary>
public enum CertificateName
{
    DistinguishedName,

    CommonName,

    SubjectAlternativeName,
}
