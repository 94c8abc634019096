using System.Net;
using System.Text.Json;
using Granary.Core.Members;
using Granary.Gateway.Management.Frame;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.Logging;

namespace Granary.Gateway.Management;

/// <summary>
/// <c>POST /api/rebalance/queues</c>, as RabbitMQ's management has it: begins and does not wait for the end. Administrators may ask for it, of all queues or of those whose names,
/// and those of their vhosts, match the patterns that are asked for.
/// </summary>
/// <param name="login">Null in a process without clients, which knows no users.</param>
internal sealed partial class RebalanceEndpoint(IQueuePlaces places, ILogger<RebalanceEndpoint> log, ApiLogin? login = null)
{
    public const string Path = "/api/rebalance/queues";

    public async Task AnswerAsync(HttpContext context)
    {
        var choice = QueueChoice.Of(context.Request.Query["vhost_pattern"], context.Request.Query["queue_pattern"]);
        if ((await RefusalAsync(context).ConfigureAwait(false) ?? (choice.Refusal() is { } wrong ? ApiException.BadRequest(wrong) : null)) is { } refused)
        {
            context.Response.StatusCode = refused.Status;
            context.Response.ContentType = "application/json";
            await context.Response.WriteAsync(JsonSerializer.Serialize(new Refusal(refused.Error, refused.Message), ApiJson.Default.Refusal), context.RequestAborted)
                .ConfigureAwait(false);
            return;
        }

        _ = RebalanceAsync(choice, context.Connection.RemoteIpAddress);
        context.Response.StatusCode = StatusCodes.Status204NoContent;
    }

    private async Task<ApiException?> RefusalAsync(HttpContext context)
    {
        if (login is null)
        {
            return new ApiException(StatusCodes.Status403Forbidden, "not_authorized", "Queues are rebalanced for administrators, and this process, which has no clients, knows no users: ask a member that has clients.");
        }

        try
        {
            var user = await login.IdentifyAsync(context).ConfigureAwait(false);
            return user.Refusal(Need.Administrator) is { } refusal ? ApiException.NotAuthorised(refusal) : null;
        }
        catch (ApiException refused)
        {
            return refused;
        }
        catch (TimeoutException exception)
        {
            LogNobodyToAsk(log, exception);
            return new ApiException(StatusCodes.Status503ServiceUnavailable, "service_unavailable", "The users are out of reach.");
        }
    }

    private async Task RebalanceAsync(QueueChoice choice, IPAddress? from)
    {
        LogAsked(log, from?.ToString() ?? "granaryctl");
        try
        {
            await places.RebalanceAsync(choice, CancellationToken.None).ConfigureAwait(false);
        }
        catch (Exception exception)
        {
            LogFailed(log, exception);
        }
    }

    [LoggerMessage(1601, LogLevel.Information, "{From} has asked for the queues to be rebalanced")]
    private static partial void LogAsked(ILogger logger, string from);

    [LoggerMessage(1603, LogLevel.Warning, "The users have not answered: queues are not rebalanced")]
    private static partial void LogNobodyToAsk(ILogger logger, Exception exception);

    [LoggerMessage(1602, LogLevel.Warning, "Queues were not, or not all, rebalanced")]
    private static partial void LogFailed(ILogger logger, Exception exception);
}
