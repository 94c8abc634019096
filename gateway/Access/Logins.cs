using System.Net;
using System.Security.Cryptography.X509Certificates;
using System.Text;
using Granary.Gateway.Access.Tokens;

namespace Granary.Gateway.Access;

/// <summary>Lets clients in: by password, by token, by certificate.</summary>
/// <param name="tokens">Null: none are accepted.</param>
internal sealed class Logins(IAccess access, AuthenticationOptions options, TokenVerifier? tokens = null)
{
    /// <summary>Longer than any token that is meant: it is not read at all.</summary>
    private const int LongestToken = 64 * 1024;

    public AuthenticationOptions Options => options;

    public LoginAttempts Attempts { get; } = new();

    public bool AcceptsCertificates => options.Mechanisms.Contains(AuthenticationOptions.External);

    /// <summary>Null: nobody whom the password is of.</summary>
    /// <param name="from">The client's address; null if it is not known.</param>
    /// <exception cref="TimeoutException">Nobody could be asked.</exception>
    public async ValueTask<Login?> ByPasswordAsync(string user, ReadOnlyMemory<byte> password, IPAddress? from, CancellationToken cancellation)
    {
        foreach (var backend in options.Backends)
        {
            // The user that comes with a token is not looked at, as in RabbitMQ: the token says whom it is of.
            var login = backend == AuthenticationBackend.Internal ? await ByStoreAsync(user, password, from, cancellation).ConfigureAwait(false)
                : password.Length <= LongestToken ? await ByTokenAsync(Encoding.UTF8.GetString(password.Span), cancellation).ConfigureAwait(false)
                : null;
            if (login is not null)
            {
                return login;
            }
        }

        return null;
    }

    /// <summary>Null: not a token that is accepted.</summary>
    public async ValueTask<Login?> ByTokenAsync(string token, CancellationToken cancellation)
    {
        if (tokens is null || token.Length > LongestToken || await tokens.VerifyAsync(token, cancellation).ConfigureAwait(false) is not { } verified)
        {
            return null;
        }

        var held = new TokenAccess(access, tokens, verified);
        return new Login(held.User, held);
    }

    /// <summary>Null: not of a user who may log in from there.</summary>
    /// <param name="certificate">Was signed by a CA that is trusted.</param>
    /// <exception cref="TimeoutException">Nobody could be asked.</exception>
    public async ValueTask<Login?> ByCertificateAsync(X509Certificate2 certificate, IPAddress? from, CancellationToken cancellation) =>
        AcceptsCertificates && UserOf(certificate) is { } name && await access.AdmitAsync(name, from, cancellation).ConfigureAwait(false) is { } user ? new Login(user, access) : null;

    public string? UserOf(X509Certificate2 certificate) => CertificateUser.Of(certificate, options.Certificates);

    private async ValueTask<Login?> ByStoreAsync(string user, ReadOnlyMemory<byte> password, IPAddress? from, CancellationToken cancellation) =>
        await access.LogInAsync(user, password, from, cancellation).ConfigureAwait(false) is { } known ? new Login(known, access) : null;
}
