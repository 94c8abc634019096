using Granary.Core.Links;
using Microsoft.Extensions.Logging;

namespace Granary.Silo.Queues;

internal sealed partial class QueueGrain
{
    [LoggerMessage(3001, LogLevel.Debug, "Packet {Number} of link {Link} could not be pushed to its gateway.")]
    private partial void LogPushFailed(Exception exception, LinkId link, long number);

    [LoggerMessage(3002, LogLevel.Warning, "Exchange {Exchange} did not remove its bindings to the deleted queue {Queue}; trying again.")]
    private partial void LogRemovalFailed(Exception exception, string exchange, string queue);

    [LoggerMessage(3003, LogLevel.Error, "The definition of queue {Queue} in vhost {Vhost} could not be stored; its activation ends")]
    private partial void LogNotSaved(Exception exception, string queue, string vhost);

    [LoggerMessage(3004, LogLevel.Warning, "Queue {Queue} in vhost {Vhost} was taken over by another activation; this one ends, and confirms nothing any more")]
    private partial void LogFenced(string queue, string vhost);

    [LoggerMessage(3005, LogLevel.Error, "Messages of queue {Queue} in vhost {Vhost} could not be read from the store; trying again")]
    private partial void LogNotRead(Exception exception, string queue, string vhost);

    [LoggerMessage(3006, LogLevel.Critical, "{Count} messages of queue {Queue} in vhost {Vhost} that should be in the store are not there, offsets {First} to {End}")]
    private partial void LogMissing(long count, string queue, string vhost, long first, long end);

    [LoggerMessage(3007, LogLevel.Error, "A turn of queue {Queue} in vhost {Vhost} failed; its activation ends, and the next one begins with what is stored")]
    private partial void LogTurnFailed(Exception exception, string queue, string vhost);

    [LoggerMessage(3008, LogLevel.Debug, "There is no queue {Queue} in vhost {Vhost}, and nobody asks for it; the activation ends")]
    private partial void LogLeaving(string queue, string vhost);
}
