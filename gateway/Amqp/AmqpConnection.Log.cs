using System.Net;
using Microsoft.Extensions.Logging;

namespace Granary.Gateway.Amqp;

internal sealed partial class AmqpConnection
{
    [LoggerMessage(1694, LogLevel.Warning, "The new token of {Peer}, user '{User}', was refused: its connection is closed")]
    private static partial void LogSecretRefused(ILogger logger, System.Net.EndPoint? peer, string user);

    [LoggerMessage(1206, LogLevel.Information, "Closing channel {Channel}: {Reason}")]
    private static partial void LogChannelFailed(ILogger logger, ushort channel, string reason);

    [LoggerMessage(1207, LogLevel.Debug, "A method was abandoned because its channel or connection closes")]
    private static partial void LogOperationAbandoned(ILogger logger);

    [LoggerMessage(1208, LogLevel.Warning, "The node stops, and a queue of this connection does not answer: it is left as it is")]
    private static partial void LogNotLetGo(ILogger logger);

    [LoggerMessage(1213, LogLevel.Error, "What the connection of {Peer} owned could not all be let go of")]
    private static partial void LogNotReleased(ILogger logger, Exception exception, EndPoint? peer);

    [LoggerMessage(1214, LogLevel.Debug, "The end of {Peer}'s stream was not waited for")]
    private static partial void LogNotWaitedFor(ILogger logger, EndPoint? peer);
}
