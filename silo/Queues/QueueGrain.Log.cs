using Granary.Core.Links;
using Microsoft.Extensions.Logging;

namespace Granary.Silo.Queues;

internal sealed partial class QueueGrain
{
    [LoggerMessage(3001, LogLevel.Debug, "Packet {Number} of link {Link} could not be pushed to its gateway.")]
    private partial void LogPushFailed(Exception exception, LinkId link, long number);

    [LoggerMessage(3002, LogLevel.Warning, "Exchange {Exchange} did not remove its bindings to the deleted queue {Queue}; trying again.")]
    private partial void LogRemovalFailed(Exception exception, string exchange, string queue);
}
