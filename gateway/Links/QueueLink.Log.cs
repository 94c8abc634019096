using Microsoft.Extensions.Logging;

namespace Granary.Gateway.Links;

internal sealed partial class QueueLink
{
    [LoggerMessage(1001, LogLevel.Debug, "Packet {Number} to queue {Queue} was not answered; it is sent again")]
    private static partial void LogCallFailed(ILogger logger, Exception exception, long number, string queue);

    [LoggerMessage(1002, LogLevel.Debug, "Sending {Count} packets to queue {Queue} again")]
    private static partial void LogResend(ILogger logger, int count, string queue);

    [LoggerMessage(1003, LogLevel.Debug, "Queue {Queue} ended its link: it was deleted")]
    private static partial void LogEnded(ILogger logger, string queue);

    [LoggerMessage(1004, LogLevel.Warning, "The activation of queue {Queue} that a link went to has ended: consumers are cancelled, and channels with unconfirmed messages to it are closed")]
    private static partial void LogLost(ILogger logger, string queue);
}
