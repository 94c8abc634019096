using Granary.Core.Links;
using Microsoft.Extensions.Logging;

namespace Granary.Silo.Queues.Activation;

internal sealed partial class QueueActivation
{
    [LoggerMessage(3001, LogLevel.Debug, "Packet {Number} of link {Link} could not be pushed to its gateway")]
    private static partial void LogPushFailed(ILogger logger, Exception exception, LinkId link, long number);

    [LoggerMessage(3003, LogLevel.Error, "The definition of queue {Queue} in vhost {Vhost} could not be stored; its activation ends")]
    private static partial void LogNotSaved(ILogger logger, Exception exception, string queue, string vhost);

    [LoggerMessage(3024, LogLevel.Debug, "{Member} has not said which of its sessions with queue {Queue} in vhost {Vhost} have ended; they are waited for")]
    private static partial void LogSessionsNotFound(ILogger logger, Exception exception, string member, string queue, string vhost);

    [LoggerMessage(3023, LogLevel.Debug, "Queue {Queue} in vhost {Vhost} ends, and not all that it had for the store is there, as nothing is written any more")]
    private static partial void LogEndsUnstored(ILogger logger, Exception exception, string queue, string vhost);

    [LoggerMessage(3004, LogLevel.Warning, "Queue {Queue} in vhost {Vhost} was taken over by another activation; this one ends, and confirms nothing any more")]
    private static partial void LogFenced(ILogger logger, string queue, string vhost);

    [LoggerMessage(3005, LogLevel.Error, "Messages of queue {Queue} in vhost {Vhost} could not be read from the store; trying again")]
    private static partial void LogNotRead(ILogger logger, Exception exception, string queue, string vhost);

    [LoggerMessage(3006, LogLevel.Critical, "{Count} messages of queue {Queue} in vhost {Vhost} that should be in the store are not there, offsets {First} to {End}")]
    private static partial void LogMissing(ILogger logger, long count, string queue, string vhost, long first, long end);

    [LoggerMessage(3007, LogLevel.Error, "A turn of queue {Queue} in vhost {Vhost} failed; its activation ends, and the next one begins with what is stored")]
    private static partial void LogTurnFailed(ILogger logger, Exception exception, string queue, string vhost);

    [LoggerMessage(3008, LogLevel.Debug, "There is no queue {Queue} in vhost {Vhost}, and nobody asks for it; the activation ends")]
    private static partial void LogLeaving(ILogger logger, string queue, string vhost);

    [LoggerMessage(3009, LogLevel.Debug, "The bindings of the deleted queue {Queue} in vhost {Vhost} are left to the next activation")]
    private static partial void LogNotSettled(ILogger logger, Exception exception, string queue, string vhost);

    [LoggerMessage(3011, LogLevel.Debug, "Queue {Queue} in vhost {Vhost} is not durable, and came back without its messages: the silo that had it is gone")]
    private static partial void LogCameBack(ILogger logger, string queue, string vhost);

    [LoggerMessage(3012, LogLevel.Debug, "Queue {Queue} in vhost {Vhost} is not durable, and whom it belonged to is gone: its bindings are removed")]
    private static partial void LogOwnerGone(ILogger logger, string queue, string vhost);

    [LoggerMessage(3013, LogLevel.Debug, "Which sessions have something of queue {Queue} in vhost {Vhost} could not be stored")]
    private static partial void LogSessionsNotStored(ILogger logger, Exception exception, string queue, string vhost);

    [LoggerMessage(3014, LogLevel.Warning, "{Count} messages of queue {Queue} in vhost {Vhost} that were in memory only end with its activation; {Stored} were stored for the next one")]
    private static partial void LogLostAtTheEnd(ILogger logger, long count, string queue, string vhost, long stored);

    [LoggerMessage(3015, LogLevel.Debug, "{Count} messages of queue {Queue} in vhost {Vhost}, which is not durable, were taken over from the silo that had it")]
    private static partial void LogTookOver(ILogger logger, long count, string queue, string vhost);

    [LoggerMessage(3016, LogLevel.Information, "Queue {Queue} in vhost {Vhost} moves to {Silo}, as it was told")]
    private static partial void LogMoving(ILogger logger, string queue, string vhost, SiloAddress silo);

    [LoggerMessage(3010, LogLevel.Debug, "The activation of queue {Queue} in vhost {Vhost} ended while messages were read back for it")]
    private static partial void LogReadTooLate(ILogger logger, Exception exception, string queue, string vhost);

    [LoggerMessage(3334, LogLevel.Debug, "Which segments stream {Stream} in vhost {Vhost} has could not be stored")]
    private static partial void LogSegmentsNotStored(ILogger logger, Exception exception, string stream, string vhost);
}
