using Microsoft.Extensions.Logging;

namespace Granary.Core.Links;

public sealed partial class QueueSession
{
    [LoggerMessage(1003, LogLevel.Debug, "Queue {Queue} ended its link: it was deleted")]
    private static partial void LogEnded(ILogger logger, string queue);

    [LoggerMessage(1004, LogLevel.Warning, "Queue {Queue} is out of reach for a session: consumers are cancelled, and channels with unconfirmed messages to it are closed")]
    private static partial void LogGivenUp(ILogger logger, string queue);

    [LoggerMessage(1007, LogLevel.Information, "The activation of queue {Queue} that a link went to has ended: a new one goes on where it was")]
    private static partial void LogResumed(ILogger logger, string queue);

    [LoggerMessage(1014, LogLevel.Warning, "Activations of queue {Queue} end, one after the other, before they take dead letters of another queue; they are sent again in {Pause}")]
    private static partial void LogHasSomethingAgainstIt(ILogger logger, string queue, TimeSpan pause);

    [LoggerMessage(1008, LogLevel.Warning, "Queue {Queue} has not answered for {Patience} since its connection ended: it is told nothing more")]
    private static partial void LogLeft(ILogger logger, string queue, TimeSpan patience);
}
