using System.Buffers.Text;
using System.Net;
using System.Text;
using Granary.Amqp;
using Granary.Core.Access;
using Granary.Gateway.Access;
using Granary.Gateway.Grpc.Connections;
using Grpc.Core;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.Logging;

namespace Granary.Gateway.Grpc.Access;

/// <summary>Runs a call for whom its metadata names, and turns what goes wrong into a status.</summary>
internal sealed partial class CallRunner(Logins logins, ILogger<CallRunner> log)
{
    private const string Scheme = "Basic ", BearerScheme = "Bearer ";
    private const string BearerMechanism = "OAUTHBEARER";
    private const string VhostHeader = "granary-vhost";

    public async Task<T> RunAsync<T>(ServerCallContext context, Func<Caller, Task<T>> call)
    {
        try
        {
            return await call(await IdentifyAsync(context.GetHttpContext(), context.CancellationToken).ConfigureAwait(false)).ConfigureAwait(false);
        }
        catch (AmqpException error)
        {
            throw CallErrors.From(error);
        }
        catch (TimeoutException error)
        {
            LogOutOfReach(log, error, context.Method);
            throw CallErrors.Of(ReplyCode.ConnectionForced, "a queue or exchange is out of reach");
        }
        catch (IOException error)
        {
            // The client has reset its stream, or its connection is gone: its reader says so before the call's token does.
            LogClientLeft(log, error, context.Method);
            throw new RpcException(new Status(StatusCode.Cancelled, "the client has left"));
        }
        catch (Exception error) when (error is not RpcException && !context.CancellationToken.IsCancellationRequested)
        {
            LogFailed(log, error, context.Method);
            throw CallErrors.Of(ReplyCode.InternalError, error.Message);
        }
    }

    public Task RunAsync(ServerCallContext context, Func<Caller, Task> call) => RunAsync(context, async caller =>
    {
        await call(caller).ConfigureAwait(false);
        return true;
    });

    private async ValueTask<Caller> IdentifyAsync(HttpContext http, CancellationToken cancellation)
    {
        var connection = http.Features.Get<GrpcConnection>();
        if (connection?.ClosedFor is { } reason)
        {
            throw CallErrors.Of(ReplyCode.ConnectionForced, reason);
        }

        var login = await AuthenticateAsync(http, cancellation).ConfigureAwait(false);
        var user = login.User.Name;
        var vhosts = http.Request.Headers[VhostHeader];
        var vhost = vhosts.Count == 0 ? Vhost.Standard : vhosts.ToString();
        var rights = await AskAsync(() => login.Access.FindAsync(user, vhost, cancellation)).ConfigureAwait(false);
        if (rights.User is null)
        {
            // It is deleted, and has logged in on this connection before.
            throw Unauthenticated("Login was refused using authentication mechanism PLAIN");
        }

        if (rights.CheckEntry() is { } refusal)
        {
            throw CallErrors.Of(rights.VhostIsThere ? StatusCode.PermissionDenied : StatusCode.NotFound, refusal.Code, ReplyText.Format(refusal.Code, refusal.Explanation));
        }

        var caller = new Caller(user, vhost, login.Token);
        if (connection is not null && connection.Caller != caller)
        {
            (connection.Caller, connection.UserAgent) = (caller, http.Request.Headers.UserAgent.ToString());
        }

        return caller;
    }

    private async ValueTask<Login> AuthenticateAsync(HttpContext http, CancellationToken cancellation)
    {
        var text = http.Request.Headers.Authorization.ToString();
        var connection = http.Features.Get<ConnectionLogin>();
        if (connection?.Of(text) is { Token: not { IsExpired: true } } known)
        {
            return known;
        }

        var address = http.Connection.RemoteIpAddress;
        var (mechanism, user, login) = text.Length == 0 && logins.AcceptsCertificates && http.Connection.ClientCertificate is { } certificate
            ? (AuthenticationOptions.External, logins.UserOf(certificate) ?? "", await AskAsync(() => logins.ByCertificateAsync(certificate, address, cancellation)).ConfigureAwait(false))
            : text.StartsWith(BearerScheme, StringComparison.OrdinalIgnoreCase)
                ? (BearerMechanism, "", await AskAsync(() => logins.ByTokenAsync(text[BearerScheme.Length..].Trim(), cancellation)).ConfigureAwait(false))
                : await ByPasswordAsync(text, address, cancellation).ConfigureAwait(false);
        logins.Attempts.Count(LoginProtocol.Grpc, login);
        if (login is null)
        {
            LogLoginRefused(log, address, user);
            throw Unauthenticated($"Login was refused using authentication mechanism {mechanism}");
        }

        connection?.Remember(text, login, mechanism);
        return login;
    }

    private async ValueTask<(string Mechanism, string User, Login? Login)> ByPasswordAsync(string text, IPAddress? address, CancellationToken cancellation)
    {
        var (user, password) = Credentials(text);
        return (AuthenticationOptions.Plain, user, await AskAsync(() => logins.ByPasswordAsync(user, password, address, cancellation)).ConfigureAwait(false));
    }

    private async ValueTask<T> AskAsync<T>(Func<ValueTask<T>> ask)
    {
        try
        {
            return await ask().ConfigureAwait(false);
        }
        catch (TimeoutException error)
        {
            LogNobodyToAsk(log, error);
            throw CallErrors.Of(ReplyCode.ConnectionForced, "the users are out of reach");
        }
    }

    // RFC 7617: user and password in UTF-8, the first colon between them.
    private static (string User, byte[] Password) Credentials(string text)
    {
        if (!text.StartsWith(Scheme, StringComparison.OrdinalIgnoreCase))
        {
            throw Unauthenticated("no basic credentials in the metadata 'authorization'");
        }

        var bytes = Encoding.UTF8.GetBytes(text, Scheme.Length, text.Length - Scheme.Length);
        if (!Base64.IsValid(bytes) || Base64.DecodeFromUtf8InPlace(bytes, out var length) != System.Buffers.OperationStatus.Done)
        {
            throw Unauthenticated("the credentials in the metadata 'authorization' are not base64");
        }

        var credentials = bytes.AsSpan(0, length);
        var colon = credentials.IndexOf((byte)':');
        return colon >= 0
            ? (Encoding.UTF8.GetString(credentials[..colon]), credentials[(colon + 1)..].ToArray())
            : throw Unauthenticated("Login was refused using authentication mechanism PLAIN");
    }

    private static RpcException Unauthenticated(string explanation) =>
        CallErrors.Of(StatusCode.Unauthenticated, ReplyCode.AccessRefused, ReplyText.Format(ReplyCode.AccessRefused, explanation));

    [LoggerMessage(1501, LogLevel.Warning, "{Method} failed: a queue or exchange did not answer")]
    private static partial void LogOutOfReach(ILogger logger, Exception exception, string method);

    [LoggerMessage(1504, LogLevel.Warning, "The users have not answered: a login over gRPC is refused")]
    private static partial void LogNobodyToAsk(ILogger logger, Exception exception);

    [LoggerMessage(1505, LogLevel.Warning, "Login of {Peer} over gRPC refused: user '{User}'")]
    private static partial void LogLoginRefused(ILogger logger, System.Net.IPAddress? peer, string user);

    [LoggerMessage(1502, LogLevel.Error, "{Method} failed")]
    private static partial void LogFailed(ILogger logger, Exception exception, string method);

    [LoggerMessage(1503, LogLevel.Debug, "{Method} ended: its client has left")]
    private static partial void LogClientLeft(ILogger logger, Exception exception, string method);
}
