using Microsoft.Extensions.Logging;

namespace Grpc.AspNetCore.Server;

/// <summary>What the server side logs.</summary>
internal static partial class GrpcServerLog
{
    [LoggerMessage(1, LogLevel.Error, "Error when executing service method '{Method}'.")]
    public static partial void HandlerFailed(ILogger logger, string method, Exception exception);

    [LoggerMessage(2, LogLevel.Information, "Error status code '{Code}' with detail '{Detail}' raised by '{Method}'.")]
    public static partial void StatusRaised(ILogger logger, string method, Core.StatusCode code, string detail);

    [LoggerMessage(3, LogLevel.Debug, "The call of '{Method}' ended: {Reason}.")]
    public static partial void CallEnded(ILogger logger, string method, string reason);

    [LoggerMessage(4, LogLevel.Debug, "The response of '{Method}' could not be completed.")]
    public static partial void CompletionFailed(ILogger logger, string method, Exception exception);
}
