using Granary.Core.Grains;
using Granary.Core.Threads;
using Granary.Core.Topology;
using Granary.Silo.Exchanges;
using Granary.Silo.Queues.Activation;
using Granary.Silo.Storage;
using Microsoft.Extensions.Logging;

namespace Granary.Silo.Access;

/// <summary>
/// Removes what is in a vhost that nobody may enter any more: queues, exchanges and bindings, whosever they are, for as long as it takes. It needs no activation: any
/// thread may run it. What it finds is what is stored, and what is in the memory of this process alone: a lone node does not store what is not durable.
/// </summary>
internal sealed partial class VhostRemoval(
    IGrainFactory grains, GroupCommit commit, LocalQueues queues, LocalExchanges exchanges, TimeProvider time, ILogger<VhostRemoval> log)
{
    private const int AtOnce = 32;

    private static readonly TimeSpan LookAgainAfter = TimeSpan.FromMilliseconds(100);
    private static readonly TimeSpan LongestWait = TimeSpan.FromSeconds(5);

    /// <summary>Completes when nothing is left.</summary>
    /// <exception cref="OperationCanceledException">Whoever owed it has ended: it is stored that the vhost is to go, and the next activation sees to it.</exception>
    public async Task RunAsync(string vhost, CancellationToken ended)
    {
        await OwnThread.Leave();
        await RemovePoliciesAsync(vhost, ended).ConfigureAwait(false);
        var prefix = GrainKeys.For(vhost, "");
        await RemoveAsync([.. queues.Keys.Where(IsIn)], [.. exchanges.Keys.Where(IsIn), .. PredeclaredExchanges.All.Keys.Select(name => GrainKeys.For(vhost, name))], ended)
            .ConfigureAwait(false);
        for (var wait = LookAgainAfter; ; wait = wait * 2 < LongestWait ? wait * 2 : LongestWait)
        {
            var (storedQueues, storedExchanges) = (await ReadAsync("queue", ended).ConfigureAwait(false), await ReadAsync("exchange", ended).ConfigureAwait(false));
            if (storedQueues is [] && storedExchanges is [])
            {
                return;
            }

            await RemoveAsync(storedQueues ?? [], storedExchanges ?? [], ended).ConfigureAwait(false);

            // Their bindings go off the exchanges beside the turns in which they are deleted.
            await Task.Delay(wait, time, ended).ConfigureAwait(false);
        }

        bool IsIn(string key) => key.StartsWith(prefix, StringComparison.Ordinal);

        async Task<string[]?> ReadAsync(string table, CancellationToken ended)
        {
            try
            {
                return [.. (await commit.Store.ReadRowsAsync(table, ended).ConfigureAwait(false)).Select(row => row.Key.Key).Where(IsIn)];
            }
            catch (StoreUnavailableException exception)
            {
                // What is there is not known: it is looked for again.
                LogNotRead(exception, vhost);
                return null;
            }
        }
    }

    private async Task RemovePoliciesAsync(string vhost, CancellationToken ended)
    {
        for (var wait = LookAgainAfter; ; wait = wait * 2 < LongestWait ? wait * 2 : LongestWait)
        {
            try
            {
                await grains.Policies().RemoveVhostAsync(vhost).AsTask().WaitAsync(ended).ConfigureAwait(false);
                return;
            }
            catch (Exception exception) when (!ended.IsCancellationRequested)
            {
                LogNotRemoved(exception, $"Policies of {vhost}");
            }

            await Task.Delay(wait, time, ended).ConfigureAwait(false);
        }
    }

    private async Task RemoveAsync(string[] queueKeys, string[] exchangeKeys, CancellationToken ended)
    {
        var all = queueKeys.Select(key => (Key: key, IsQueue: true)).Concat(exchangeKeys.Select(key => (Key: key, IsQueue: false)));
        await Parallel.ForEachAsync(all, new ParallelOptions { MaxDegreeOfParallelism = AtOnce, CancellationToken = ended }, async (item, cancellation) =>
        {
            try
            {
                await (item.IsQueue ? grains.Queue(item.Key).RemoveAsync() : grains.Exchange(item.Key).RemoveAsync()).AsTask().WaitAsync(cancellation).ConfigureAwait(false);
            }
            catch (Exception exception) when (!cancellation.IsCancellationRequested)
            {
                // It is found again.
                LogNotRemoved(exception, item.Key);
            }
        }).ConfigureAwait(false);
    }

    [LoggerMessage(3801, LogLevel.Debug, "What is in vhost {Vhost}, which is deleted, could not be read; it is read again")]
    private partial void LogNotRead(Exception exception, string vhost);

    [LoggerMessage(3802, LogLevel.Debug, "{Key} is in a vhost that is deleted and did not answer that it goes; it is told again")]
    private partial void LogNotRemoved(Exception exception, string key);
}
