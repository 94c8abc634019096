using Granary.Core.Grains;
using Granary.Core.Threads;
using Microsoft.Extensions.Logging;

namespace Granary.Silo.Exchanges;

/// <summary>Has exchanges forget a destination that is gone, for as long as it takes. It needs no activation: any thread may run it.</summary>
internal sealed partial class BindingRemoval(IGrainFactory grains, TimeProvider time, ILogger<BindingRemoval> log)
{
    private static readonly TimeSpan FirstWait = TimeSpan.FromMilliseconds(100);
    private static readonly TimeSpan LongestWait = TimeSpan.FromSeconds(5);

    // Longer than it takes until the exchanges of a silo that is lost are somewhere else.
    private static readonly TimeSpan Usual = TimeSpan.FromSeconds(10);

    /// <summary>Completes when every source has forgotten it, and the queue that it had for itself is gone.</summary>
    /// <exception cref="OperationCanceledException">Whoever owed it has ended: the debt is stored, and the next activation settles it.</exception>
    public Task SettleAsync(string vhost, BindingDebt debt, CancellationToken ended) =>
        Task.WhenAll(
            [
                .. debt.Sources.Select(source => RemoveAsync(vhost, source, debt, () => grains.Exchange(vhost, source).RemoveDestinationAsync(debt.Destination), ended)),
                .. debt.Queue is { } queue ? [RemoveAsync(vhost, queue, debt, () => grains.Queue(vhost, queue).RemoveAsync(), ended)] : Array.Empty<Task>(),
            ]);

    private async Task RemoveAsync(string vhost, string who, BindingDebt debt, Func<ValueTask> remove, CancellationToken ended)
    {
        var began = time.GetTimestamp();
        for (var wait = FirstWait; ; wait = wait * 2 < LongestWait ? wait * 2 : LongestWait)
        {
            ended.ThrowIfCancellationRequested();
            try
            {
                await OwnThread.Leave();
                await remove().AsTask().WaitAsync(ended).ConfigureAwait(false);
                return;
            }
            catch (Exception exception) when (!ended.IsCancellationRequested)
            {
                if (time.GetElapsedTime(began) < Usual)
                {
                    LogAgain(exception, who, vhost, debt.Destination.Name);
                }
                else
                {
                    LogNotRemoved(exception, who, vhost, debt.Destination.Name);
                }
            }

            await Task.Delay(wait, time, ended).ConfigureAwait(false);
        }
    }

    [LoggerMessage(3109, LogLevel.Debug, "{Who} in vhost {Vhost} did not answer that it removes what it has of {Destination}, which is deleted; it is asked again")]
    private partial void LogAgain(Exception exception, string who, string vhost, string destination);

    [LoggerMessage(3102, LogLevel.Warning, "{Who} in vhost {Vhost} did not remove what it has of {Destination}, which is deleted; trying again")]
    private partial void LogNotRemoved(Exception exception, string who, string vhost, string destination);
}
