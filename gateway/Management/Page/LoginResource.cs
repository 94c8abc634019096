using System.Net;
using System.Text;
using System.Text.Json;
using Granary.Gateway.Access;
using Granary.Gateway.Management.Frame;
using Granary.Gateway.Management.Nodes;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.Logging;

namespace Granary.Gateway.Management.Page;

/// <summary><c>/api/login</c>: the page's own way in, and out.</summary>
internal sealed partial class LoginResource(Logins logins, AccessCalls accounts, PageSessions sessions, RefusedLogins refused, ILogger<LoginResource> log) : IResource
{
    /// <summary>Octets: two names and some quotes.</summary>
    private const int LargestBody = 8192;

    public void Map(ApiRoutes routes)
    {
        routes.PostWithoutLogin("/login", LogInAsync);
        routes.DeleteWithoutLogin("/login", LogOut);
    }

    private async Task LogInAsync(HttpContext context)
    {
        PageOrigin.Check(context);
        var asked = await ReadAsync(context).ConfigureAwait(false);
        var from = context.Connection.RemoteIpAddress;
        var login = await logins.ByPasswordAsync(asked.Username, Encoding.UTF8.GetBytes(asked.Password), from, context.RequestAborted).ConfigureAwait(false);

        // A session is of a user in the store: it ends with the password, and a token has an end of its own.
        var account = login is { Token: null } ? await accounts.FindUserAsync(login.User.Name).ConfigureAwait(false) : null;
        logins.Attempts.Count(LoginProtocol.Http, account is null ? null : login);
        if (account is null)
        {
            Tell(asked.Username, from);
            await refused.WaitAsync(context.RequestAborted).ConfigureAwait(false);
            throw new ApiException(StatusCodes.Status401Unauthorized, "not_authorized", "Login failed");
        }

        if (new ApiUser(account.Name, account.Tags).Refusal(Need.Management) is { } refusal)
        {
            Tell(asked.Username, from);
            throw ApiException.NotAuthorised(refusal);
        }

        await sessions.BeginAsync(context, account).ConfigureAwait(false);
        LogLoggedIn(log, account.Name, from?.ToString() ?? "");
        context.Response.ContentType = "application/json";
        await JsonSerializer.SerializeAsync(context.Response.Body, new WhoAmI(account.Name, account.Tags), ApiJson.Default.WhoAmI, context.RequestAborted).ConfigureAwait(false);
    }

    private void Tell(string user, IPAddress? from)
    {
        if (refused.MayTell())
        {
            LogRefused(log, user, from?.ToString() ?? "");
        }
    }

    private static Task LogOut(HttpContext context)
    {
        PageOrigin.Check(context);
        PageSessions.End(context);
        context.Response.StatusCode = StatusCodes.Status204NoContent;
        return Task.CompletedTask;
    }

    private static async Task<LoginRequest> ReadAsync(HttpContext context)
    {
        if (context.Request.ContentLength is null or > LargestBody)
        {
            throw ApiException.BadRequest("A login is a small JSON object with its length");
        }

        try
        {
            return await JsonBody.ReadAsync(context.Request.Body, ApiJson.Default.LoginRequest, context.RequestAborted).ConfigureAwait(false)
                ?? throw ApiException.BadRequest("not_json");
        }
        catch (JsonException)
        {
            // Without the parser's message, which may quote what was sent.
            throw ApiException.BadRequest("not_json");
        }
    }

    [LoggerMessage(1680, LogLevel.Information, "User '{User}' has logged in to the management page from {Address}")]
    private static partial void LogLoggedIn(ILogger logger, string user, string address);

    [LoggerMessage(1681, LogLevel.Warning, "Login to the management page refused: user '{User}' from {Address}")]
    private static partial void LogRefused(ILogger logger, string user, string address);
}

/// <summary>Who wants to log in to the page.</summary>
internal sealed record LoginRequest
{
    public string Username { get; set; } = "";

    public string Password { get; set; } = "";
}
