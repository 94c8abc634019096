using Granary.Core;
using Granary.Core.Access;
using Granary.Core.Topology;
using Granary.Gateway.Access;
using Granary.Gateway.Amqp;
using Granary.Gateway.Links;

namespace Granary.Gateway.Topology;

/// <summary>What clients may ask of messages that exchanges delay, for one client in one virtual host. Rights are looked at first; refusals are answers.</summary>
internal sealed class DelayedCalls(GrainCalls grains, ClientRights rights)
{
    /// <summary>The next messages to be due: whoever may read from the exchange sees them.</summary>
    /// <param name="after">The id of the one before the first; empty: from the start.</param>
    public async ValueTask<DelayedAnswer> ListAsync(string exchange, string after, int most)
    {
        exchange = Names.Clean(exchange);
        var own = await FindAsync(exchange, Right.Read).ConfigureAwait(false);
        return own.Error is { } refusal
            ? new DelayedAnswer(refusal, [])
            : await grains.QueueAsync(own.Queue, queue => queue.ListDelayedAsync(after, most)).ConfigureAwait(false);
    }

    /// <summary>Drops a message: whoever may publish to the exchange may. 404 if it is not there any more. When it is answered, the message will not come.</summary>
    public async ValueTask<BrokerError?> CancelAsync(string exchange, string id)
    {
        exchange = Names.Clean(exchange);
        var own = await FindAsync(exchange, Right.Write).ConfigureAwait(false);
        var request = Guid.NewGuid();
        return own.Error ?? (await grains.QueueAsync(own.Queue, queue => queue.CancelDelayedAsync(id, request)).ConfigureAwait(false)).Error;
    }

    private async ValueTask<OwnQueueAnswer> FindAsync(string exchange, Right right) =>
        await rights.CheckAsync(may => may.CheckExchange(right, exchange), grains.Aborted).ConfigureAwait(false) is { } refusal ? new OwnQueueAnswer(refusal, "")
        : await grains.ExchangeAsync(exchange, static there => there.FindOwnQueueAsync()).ConfigureAwait(false);
}
