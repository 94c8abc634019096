using Granary.Core;
using Granary.Core.Counting;
using Granary.Core.Links;
using Granary.Core.Threads;
using Granary.Gateway.Amqp.Delivering;

namespace Granary.Gateway.Topology;

/// <summary>Messages that were got of a queue and are not settled.</summary>
/// <param name="onMessage">Told of each, in order, under the gate of the links.</param>
internal sealed class TakenMessages(LinkSet links, string queue, Action<GotItem> onMessage)
{
    private const int MostAtATime = 64;

    private readonly SettlementBuffer _settlements = new();
    private readonly List<(QueueSession Session, long Offset)> _open = [];
    private Settlement? _late;
    private int _largest;

    /// <summary>So many may be asked for at once that are to take no more than so many octets, if none is larger than those that have come; one in any case, and one at first.</summary>
    public int Fitting(long octets) => _largest == 0 ? 1 : (int)Math.Clamp(octets / _largest, 1, MostAtATime);

    /// <summary>Asks for up to so many more.</summary>
    /// <returns>Why there are none, or whether there may be more.</returns>
    public async Task<(BrokerError? Error, bool More)> TakeAsync(int count, TimeSpan patience, CancellationToken aborted)
    {
        var answered = new TaskCompletionSource<(BrokerError? Error, bool More)>(TaskCreationOptions.RunContinuationsAsynchronously);
        lock (links.Gate)
        {
            var session = links.Open(queue);
            var left = count;
            for (var i = 0; i < count; i++)
            {
                session.Get(noAck: false, (holder, got) =>
                {
                    OnGot(holder, got);
                    if (--left == 0 || got.Error is not null)
                    {
                        answered.TrySetResult((got.Error, got.Message is not null));
                    }
                });
            }

            links.Flush();
        }

        return await RunningTime.WaitAsync(answered.Task, patience, links.Clock, aborted).ConfigureAwait(false);
    }

    /// <summary>Settles all that are open, and what comes yet as if it had never been got.</summary>
    public void Settle(Settlement settlement) => Settle(_ => settlement);

    /// <param name="settlementOf">By the place of a message among those that are open.</param>
    public void Settle(Func<int, Settlement> settlementOf)
    {
        lock (links.Gate)
        {
            for (var i = 0; i < _open.Count; i++)
            {
                var settlement = settlementOf(i);
                _settlements.Add(_open[i].Session, settlement, new OffsetRange(_open[i].Offset, 1));
                links.Counts.Add(MessageEvent.Ack, settlement == Settlement.Ack ? 1 : 0);
            }

            _open.Clear();
            _settlements.Emit();
            links.Flush();
        }
    }

    /// <summary>Nobody waits for what comes yet: it goes back.</summary>
    public void End()
    {
        lock (links.Gate)
        {
            _late = Settlement.Undelivered;
        }
    }

    private void OnGot(QueueSession session, GotItem got)
    {
        if (got.Message is not { } slice)
        {
            links.Counts.Add(MessageEvent.GetEmpty, got.Error is null ? 1 : 0);
            return;
        }

        _largest = Math.Max(_largest, slice.Batch.Records.Length);
        if (_late is { } late)
        {
            _settlements.Add(session, late, new OffsetRange(slice.FirstOffset, 1));
            _settlements.Emit();
            return;
        }

        _open.Add((session, slice.FirstOffset));
        links.Counts.Add(MessageEvent.Get, 1);
        links.Counts.Add(MessageEvent.Redeliver, slice.Redelivered ? 1 : 0);
        onMessage(got);
    }
}
