using System.Buffers;
using System.Buffers.Text;
using System.Net;
using System.Text;
using Granary.Gateway.Access;
using Granary.Gateway.Figures;
using Granary.Gateway.Management.Page;
using Microsoft.AspNetCore.Http;

namespace Granary.Gateway.Management.Frame;

/// <summary>Says who asks: by HTTP's Basic scheme, by a token, by a session of the management page, or by the client's certificate.</summary>
internal sealed class ApiLogin(Logins logins, PageSessions sessions, RefusedLogins refused)
{
    private const string Scheme = "Basic ", BearerScheme = "Bearer ";

    /// <summary>Who asks at the control socket, in logs.</summary>
    private const string LocalUser = "granaryctl";

    private static readonly string[] LocalTags = ["administrator"];

    /// <exception cref="ApiException">401: nobody who may log in; 403: by the page's session, but not from the page.</exception>
    /// <exception cref="TimeoutException">Nobody could be asked.</exception>
    public async ValueTask<ApiUser> IdentifyAsync(HttpContext context)
    {
        var authorization = context.Request.Headers.Authorization.ToString();
        var isLocal = context.Features.Get<PortRole>() is { Kind: PortKind.Control };
        if (authorization.Length == 0 && isLocal)
        {
            return new ApiUser(LocalUser, LocalTags, IsLocal: true);
        }

        if (PageSessions.Has(context))
        {
            return await sessions.IdentifyAsync(context).ConfigureAwait(false);
        }

        var from = isLocal ? IPAddress.Loopback : context.Connection.RemoteIpAddress;
        if (logins.Attempts.Count(LoginProtocol.Http, await LogInAsync(authorization, context.Connection, from, context.RequestAborted).ConfigureAwait(false)) is { } login)
        {
            return new ApiUser(login.User.Name, login.User.Tags, Token: login.Token);
        }

        refused.Tell(authorization.StartsWith(Scheme, StringComparison.OrdinalIgnoreCase) ? Credentials(authorization).User : "", from);
        await refused.WaitAsync(context.RequestAborted).ConfigureAwait(false);
        throw LoginFailed();
    }

    // Whoever is at the control socket is on this machine.
    private ValueTask<Login?> LogInAsync(string authorization, ConnectionInfo connection, IPAddress? from, CancellationToken cancellation)
    {
        if (authorization.Length == 0 && logins.AcceptsCertificates && connection.ClientCertificate is { } certificate)
        {
            return logins.ByCertificateAsync(certificate, from, cancellation);
        }

        if (authorization.StartsWith(BearerScheme, StringComparison.OrdinalIgnoreCase))
        {
            return logins.ByTokenAsync(authorization[BearerScheme.Length..].Trim(), cancellation);
        }

        var (user, password) = Credentials(authorization);
        return logins.ByPasswordAsync(user, password, from, cancellation);
    }

    // The word for programs is spelled otherwise here than where a user may not do something: as in RabbitMQ.
    private static ApiException LoginFailed() => new(StatusCodes.Status401Unauthorized, "not_authorized", "Login failed");

    // RFC 7617: user and password in UTF-8, the first colon between them.
    private static (string User, byte[] Password) Credentials(string text)
    {
        if (!text.StartsWith(Scheme, StringComparison.OrdinalIgnoreCase))
        {
            throw LoginFailed();
        }

        var bytes = Encoding.UTF8.GetBytes(text, Scheme.Length, text.Length - Scheme.Length);
        if (!Base64.IsValid(bytes) || Base64.DecodeFromUtf8InPlace(bytes, out var length) != OperationStatus.Done)
        {
            throw LoginFailed();
        }

        var credentials = bytes.AsSpan(0, length);
        var colon = credentials.IndexOf((byte)':');
        return colon >= 0
            ? (Encoding.UTF8.GetString(credentials[..colon]), credentials[(colon + 1)..].ToArray())
            : throw LoginFailed();
    }
}
