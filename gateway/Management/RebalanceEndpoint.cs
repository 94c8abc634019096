using System.Net;
using System.Text.Json;
using Granary.Core.Members;
using Granary.Gateway.Access;
using Granary.Gateway.Management.Frame;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.Logging;

namespace Granary.Gateway.Management;

/// <summary>
/// <c>POST /api/rebalance/queues</c>, as RabbitMQ's management has it: begins and does not wait for the end. Until there are users with tags, whoever is on this
/// machine may ask for it, and nobody else.
/// </summary>
internal sealed partial class RebalanceEndpoint(IQueuePlaces places, ILogger<RebalanceEndpoint> log)
{
    public const string Path = "/api/rebalance/queues";

    public Task AnswerAsync(HttpContext context)
    {
        var from = context.Connection.RemoteIpAddress;
        if (!Loopback.Includes(from))
        {
            context.Response.StatusCode = StatusCodes.Status403Forbidden;
            context.Response.ContentType = "application/json";
            return context.Response.WriteAsync(
                JsonSerializer.Serialize(new Refusal("not_authorized", "Queues are rebalanced for clients on the node's own machine alone."), ApiJson.Default.Refusal), context.RequestAborted);
        }

        _ = RebalanceAsync(from);
        context.Response.StatusCode = StatusCodes.Status204NoContent;
        return Task.CompletedTask;
    }

    private async Task RebalanceAsync(IPAddress from)
    {
        LogAsked(log, from);
        try
        {
            await places.RebalanceAsync(CancellationToken.None).ConfigureAwait(false);
        }
        catch (Exception exception)
        {
            LogFailed(log, exception);
        }
    }

    [LoggerMessage(1601, LogLevel.Information, "{From} has asked for the queues to be rebalanced")]
    private static partial void LogAsked(ILogger logger, IPAddress from);

    [LoggerMessage(1602, LogLevel.Warning, "Queues were not, or not all, rebalanced")]
    private static partial void LogFailed(ILogger logger, Exception exception);
}
