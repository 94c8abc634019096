using Granary.Core.Alarms;
using Granary.Core.Figures;
using Granary.Gateway.Management.Frame;
using Microsoft.Extensions.Logging;

namespace Granary.Gateway.Management.Nodes;

/// <summary>
/// <c>/api/nodes/…/alarms</c>, which RabbitMQ does not have: an operator raises the alarm for memory or disk at the node that is asked, so as to hold publishers or to
/// try what clients do then, and clears it. With RabbitMQ that is done by evaluating Erlang.
/// </summary>
internal sealed partial class AlarmResources(PublisherAlarms alarms, ClusterFigures figures, ILogger<AlarmResources> log) : IResource
{
    public void Map(ApiRoutes routes)
    {
        routes.Put("/nodes/{name}/alarms/{resource}", Need.Administrator, call => SetAsync(call, isRaised: true));
        routes.Delete("/nodes/{name}/alarms/{resource}", Need.Administrator, call => SetAsync(call, isRaised: false));
    }

    private async Task SetAsync(ApiCall call, bool isRaised)
    {
        await figures.RequireOwnAsync(call).ConfigureAwait(false);
        var resource = call.Segments[3];
        var alarm = resource switch
        {
            "memory" => PublisherAlarm.Memory,
            "disk" => PublisherAlarm.Disk,
            _ => throw ApiException.NotFound(),
        };
        if (alarms.SetByHand(alarm, isRaised))
        {
            if (isRaised)
            {
                LogRaised(log, resource, call.User.Name);
            }
            else
            {
                LogCleared(log, resource, call.User.Name);
            }
        }

        await call.ReplyNothingAsync().ConfigureAwait(false);
    }

    [LoggerMessage(1403, LogLevel.Warning, "The alarm for {Resource} is raised by user '{User}': publishers are held until it is cleared, or the node is restarted")]
    private static partial void LogRaised(ILogger logger, string resource, string user);

    [LoggerMessage(1404, LogLevel.Information, "The alarm for {Resource} that was raised by hand is cleared by user '{User}'")]
    private static partial void LogCleared(ILogger logger, string resource, string user);
}
