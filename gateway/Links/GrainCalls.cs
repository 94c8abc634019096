using Granary.Core;
using Granary.Core.Grains;
using Granary.Core.Routing;
using Granary.Core.Topology;
using Microsoft.Extensions.Logging;

namespace Granary.Gateway.Links;

/// <summary>
/// Calls outside of links, for one client in one virtual host: declarations, bindings, deletions, which may happen twice (<see cref="PatientCall"/>). Refusals of a queue or
/// exchange are answers. Who gets none within <paramref name="patience"/> is told that nobody could be asked.
/// </summary>
/// <param name="aborted">Nobody waits for the answer any more.</param>
internal sealed partial class GrainCalls(
    IGrainFactory grains, string vhost, TimeProvider clock, TimeSpan patience, ILogger log, CancellationToken aborted)
{
    private readonly Action<Exception> _again = exception => LogAgain(log, exception);

    public string Vhost => vhost;

    /// <summary>Nobody waits for an answer any more.</summary>
    public CancellationToken Aborted => aborted;

    public ValueTask<QueueAnswer> QueueAsync(string name, Func<IQueueGrain, ValueTask<QueueAnswer>> call)
    {
        var queue = grains.Queue(vhost, name);
        return AskAsync(() => call(queue), () => QueueAnswer.Refused(BrokerError.QueueOutOfReach(vhost, name)));
    }

    public ValueTask<QueuePlace> QueueAsync(string name, Func<IQueueGrain, ValueTask<QueuePlace>> call)
    {
        var queue = grains.Queue(vhost, name);
        return AskAsync(() => call(queue), () => new QueuePlace(BrokerError.QueueOutOfReach(vhost, name), null));
    }

    public ValueTask<DelayedAnswer> QueueAsync(string name, Func<IQueueGrain, ValueTask<DelayedAnswer>> call)
    {
        var queue = grains.Queue(vhost, name);
        return AskAsync(() => call(queue), () => new DelayedAnswer(BrokerError.QueueOutOfReach(vhost, name), []));
    }

    public ValueTask<BrowseAnswer> QueueAsync(string name, Func<IQueueGrain, ValueTask<BrowseAnswer>> call)
    {
        var queue = grains.Queue(vhost, name);
        return AskAsync(() => call(queue), () => new BrowseAnswer(BrokerError.QueueOutOfReach(vhost, name), [], null));
    }

    public ValueTask<OwnQueueAnswer> ExchangeAsync(string name, Func<IExchangeGrain, ValueTask<OwnQueueAnswer>> call)
    {
        var exchange = grains.Exchange(vhost, name);
        return AskAsync(() => call(exchange), () => new OwnQueueAnswer(BrokerError.ExchangeOutOfReach(vhost, name), ""));
    }

    public ValueTask<BrokerError?> ExchangeAsync(string name, Func<IExchangeGrain, ValueTask<BrokerError?>> call)
    {
        var exchange = grains.Exchange(vhost, name);
        return AskAsync<BrokerError?>(() => call(exchange), () => BrokerError.ExchangeOutOfReach(vhost, name));
    }

    public ValueTask<ExchangeAnswer> ExchangeAsync(string name, Func<IExchangeGrain, ValueTask<ExchangeAnswer>> call)
    {
        var exchange = grains.Exchange(vhost, name);
        return AskAsync(() => call(exchange), () => new ExchangeAnswer(BrokerError.ExchangeOutOfReach(vhost, name), default, Durable: false));
    }

    /// <summary>The path of a publish, for which exchanges have to be asked.</summary>
    public ValueTask<RoutePath> RouteAsync(Router router, byte[] exchange, byte[] key, ReadOnlyMemory<byte>[] copies, byte[] properties) => AskAsync(
        () => router.RouteAsync(vhost, exchange, key, copies, properties, aborted),
        () => RoutePath.Refused(BrokerError.ExchangeOutOfReach(vhost, System.Text.Encoding.UTF8.GetString(exchange))));

    /// <summary>Completes after a while, unless nobody waits for the answer any more.</summary>
    public Task PauseAsync(TimeSpan pause) => Task.Delay(pause, clock, aborted);

    private async ValueTask<T> AskAsync<T>(Func<ValueTask<T>> call, Func<T> outOfReach)
    {
        try
        {
            return await PatientCall.AskAsync(call, clock, patience, _again, aborted).ConfigureAwait(false);
        }
        catch (TimeoutException exception)
        {
            LogOutOfReach(log, exception.InnerException!, patience);
            return outOfReach();
        }
    }

    [LoggerMessage(1005, LogLevel.Debug, "A queue or exchange did not answer; it is asked again")]
    private static partial void LogAgain(ILogger logger, Exception exception);

    [LoggerMessage(1006, LogLevel.Warning, "A queue or exchange has not answered for {Patience}: the client is told that it is out of reach")]
    private static partial void LogOutOfReach(ILogger logger, Exception exception, TimeSpan patience);
}
