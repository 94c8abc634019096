using System.Threading.Channels;
using Granary.Core.Links;
using Granary.Core.Messages;
using Granary.Core.Routing;
using Microsoft.Extensions.Logging;

namespace Granary.Gateway.Tracing;

/// <summary>The traced messages of one vhost, in the order in which clients told of them. Nobody waits for them: what queues do not take in time is dropped, and that is said.</summary>
internal sealed partial class VhostTrace
{
    /// <summary>So many bytes wait at the most.</summary>
    private const long MostWaiting = 32 * 1024 * 1024;

    private static readonly PublishLimits Limits = new(Unaccepted: 1024 * 1024, Unpassed: 4 * 1024 * 1024);

    private readonly Channel<TracedMessage> _waiting = Channel.CreateUnbounded<TracedMessage>(new UnboundedChannelOptions { SingleReader = true });
    private readonly Router _router;
    private readonly ILogger _log;
    private readonly CancellationToken _stopping;
    private long _waitingBytes;
    private long _dropped;

    public VhostTrace(LinkSet links, Router router, ILogger log, CancellationToken stopping)
    {
        (Links, _router, _log, _stopping) = (links, router, log, stopping);
        _ = Task.Run(SendAllAsync, CancellationToken.None);
    }

    public LinkSet Links { get; }

    /// <summary>Called under any gate: it is sent by somebody else.</summary>
    public void Post(TracedMessage message)
    {
        if (Interlocked.Add(ref _waitingBytes, message.Record.Length) <= MostWaiting)
        {
            _waiting.Writer.TryWrite(message);
            return;
        }

        Interlocked.Add(ref _waitingBytes, -message.Record.Length);
        Interlocked.Increment(ref _dropped);
    }

    private async Task SendAllAsync()
    {
        try
        {
            await foreach (var message in _waiting.Reader.ReadAllAsync(_stopping).ConfigureAwait(false))
            {
                await SendAsync(message).ConfigureAwait(false);
                Interlocked.Add(ref _waitingBytes, -message.Record.Length);
                if (Interlocked.Exchange(ref _dropped, 0) is > 0 and var dropped)
                {
                    LogDropped(_log, dropped, Links.Vhost);
                }
            }
        }
        catch (OperationCanceledException exception) when (_stopping.IsCancellationRequested)
        {
            LogStopped(_log, exception, Links.Vhost);
        }
    }

    private async Task SendAsync(TracedMessage message)
    {
        try
        {
            var path = _router.TryRoute(Links.Vhost, TracedMessage.Exchange, message.Key.Span, [])
                ?? await _router.RouteAsync(Links.Vhost, TracedMessage.Exchange.ToArray(), message.Key, default, _stopping).ConfigureAwait(false);
            if (path.Queues.Length == 0)
            {
                return;
            }

            if (!Links.IsWithin(Limits))
            {
                await Links.WaitForRoomAsync(Limits.Half).WaitAsync(_stopping).ConfigureAwait(false);
            }

            var batch = new MessageBatch(message.Record, 1, MessageFlags.None);
            lock (Links.Gate)
            {
                path.Counts?.Add(1, path.Queues.Length);
                foreach (var queue in path.Queues)
                {
                    Links.Open(queue).Publish(batch, null);
                }

                Links.Flush();
            }
        }
        catch (Exception exception) when (!_stopping.IsCancellationRequested)
        {
            // The exchange is out of reach: what is traced meanwhile is lost, and the clients go on.
            Interlocked.Increment(ref _dropped);
            LogNotSent(_log, exception, Links.Vhost);
        }
    }

    [LoggerMessage(1722, LogLevel.Warning, "{Count} traced messages of vhost '{Vhost}' were dropped: queues do not take them as fast as they come")]
    private static partial void LogDropped(ILogger logger, long count, string vhost);

    [LoggerMessage(1723, LogLevel.Debug, "A traced message of vhost '{Vhost}' could not be sent")]
    private static partial void LogNotSent(ILogger logger, Exception exception, string vhost);

    [LoggerMessage(1724, LogLevel.Debug, "The firehose of vhost '{Vhost}' has ended with its node")]
    private static partial void LogStopped(ILogger logger, Exception exception, string vhost);
}
