using Microsoft.Extensions.Logging;

namespace Granary.Gateway.Amqp;

internal sealed partial class AmqpConnection
{
    [LoggerMessage(1201, LogLevel.Debug, "Connection aborted")]
    private static partial void LogAborted(ILogger logger);

    [LoggerMessage(1202, LogLevel.Information, "Connection lost")]
    private static partial void LogLost(ILogger logger, Exception exception);

    [LoggerMessage(1203, LogLevel.Warning, "No data from the client for twice its heartbeat of {Heartbeat}: closing the connection")]
    private static partial void LogPeerIsDead(ILogger logger, TimeSpan heartbeat);

    [LoggerMessage(1209, LogLevel.Warning, "The client has not read anything of what it is sent for {Timeout}: closing the connection")]
    private static partial void LogReadsNothing(ILogger logger, TimeSpan timeout);

    [LoggerMessage(1204, LogLevel.Error, "A method failed in the broker")]
    private static partial void LogOperationFailed(ILogger logger, Exception exception);

    [LoggerMessage(1205, LogLevel.Warning, "Closing the connection: {Reason}")]
    private static partial void LogFailed(ILogger logger, string reason);

    [LoggerMessage(1206, LogLevel.Information, "Closing channel {Channel}: {Reason}")]
    private static partial void LogChannelFailed(ILogger logger, ushort channel, string reason);

    [LoggerMessage(1207, LogLevel.Debug, "A method was abandoned because the connection closes")]
    private static partial void LogOperationAbandoned(ILogger logger);

    [LoggerMessage(1208, LogLevel.Warning, "The node stops, and a queue of this connection does not answer: it is left as it is")]
    private static partial void LogNotLetGo(ILogger logger);
}
