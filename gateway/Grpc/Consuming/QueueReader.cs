using Granary.Core;
using Granary.Core.Access;
using Granary.Core.Counting;
using Granary.Core.Links;
using Granary.Core.Members;
using Granary.Core.Threads;
using Granary.Gateway.Access;
using Granary.Gateway.Amqp;
using Granary.Gateway.Amqp.Delivering;
using Granary.Gateway.Grpc.Access;
using Granary.Gateway.Grpc.Messages;
using Granary.Gateway.Tracing;
using Granary.V1;
using Settlement = Granary.Core.Links.Settlement;

namespace Granary.Gateway.Grpc.Consuming;

/// <summary>
/// Takes messages for <c>Get</c>: several at a time. What would make the answer too large goes back untouched, and so does all when there is no answer, since a
/// queue has not said in time whether there is more.
/// </summary>
internal sealed class QueueReader(LinkSet links, ClientRights rights, TimeSpan patience, GatewayLease lease, ClientTrace? trace, MessageSpans? spans)
{
    private const int MostMessages = 1000;
    private const int MostAtATime = 64;
    private const int MostBytes = 1024 * 1024;

    private readonly SettlementBuffer _settlements = new();
    private readonly List<(QueueSession Session, long Offset)> _taken = [];
    private readonly DeliveryDecoder _decoder = new();
    private readonly GetResponse _response = new();
    private int _bytes;
    private bool _isOver;

    public async Task<GetResponse> GetAsync(GetRequest request, CancellationToken cancellationToken)
    {
        var queue = Names.Clean(ShortStrings.Check(request.Queue, "queue"));
        if (!request.AutoAck)
        {
            throw CallErrors.Invalid("auto_ack has to be true: no call is left to acknowledge in");
        }

        if (request.Limit > MostMessages)
        {
            throw CallErrors.Invalid($"limit is {request.Limit}, outside of 0 to {MostMessages}");
        }

        CallErrors.ThrowIf(await rights.CheckAsync(may => may.CheckQueue(Right.Read, queue), cancellationToken).ConfigureAwait(false));
        var limit = Math.Max(1, (int)request.Limit);
        var settlement = Settlement.Undelivered;
        try
        {
            bool more;
            do
            {
                var round = Ask(queue, Math.Min(limit - _response.Deliveries.Count, MostAtATime));
                var (error, wentOn) = await RunningTime.WaitAsync(round, patience, links.Clock, cancellationToken).ConfigureAwait(false);
                CallErrors.ThrowIf(error);
                more = wentOn;
            }
            while (more && _response.Deliveries.Count < limit);
            settlement = Settlement.Ack;
        }
        finally
        {
            End(settlement);
        }

        // The next call, on whichever connection, finds settled what was taken and back what was not. Who has the messages is not told that it cannot be said.
        await RunningTime.WaitAsync(links.DrainAsync(queue).AsTask(), patience, links.Clock, cancellationToken).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        cancellationToken.ThrowIfCancellationRequested();
        return _response;
    }

    // Nothing stays behind: what comes yet goes back.
    private void End(Settlement settlement)
    {
        lock (links.Gate)
        {
            _isOver = true;
            foreach (var (session, offset) in _taken)
            {
                _settlements.Add(session, settlement, new OffsetRange(offset, 1));
            }

            _taken.Clear();
            _settlements.Emit();
            links.Flush();
        }
    }

    private Task<(BrokerError? Error, bool More)> Ask(string queue, int count)
    {
        var answered = new TaskCompletionSource<(BrokerError?, bool)>(TaskCreationOptions.RunContinuationsAsynchronously);
        var left = count;
        var isFull = false;
        var returned = 0;
        lock (links.Gate)
        {
            var session = links.Open(queue);
            for (var i = 0; i < count; i++)
            {
                session.Get(noAck: false, OnGot);
            }

            links.Flush();

            void OnGot(QueueSession holder, GotItem got)
            {
                if (got.Message is { } slice)
                {
                    isFull |= _isOver || lease.IsOver || (_response.Deliveries.Count > 0 && _bytes + slice.Batch.Records.Length > MostBytes);
                    if (isFull)
                    {
                        returned++;
                        _settlements.Add(holder, Settlement.Undelivered, new OffsetRange(slice.FirstOffset, 1));
                    }
                    else
                    {
                        _taken.Add((holder, slice.FirstOffset));
                        _bytes += slice.Batch.Records.Length;
                        links.Counts.Add(MessageEvent.GetNoAck, 1);
                        links.Counts.Add(MessageEvent.Redeliver, slice.Redelivered ? 1 : 0);
                        _decoder.Decode(slice, firstTag: 0, _response.Deliveries);
                        trace?.Delivered(0, queue, slice.Batch.Records.Span, slice.Redelivered);
                        spans?.Delivered(slice.Batch.Records.Span, queue, slice.Redelivered, MessageSpans.Grpc, links.Vhost);
                    }
                }

                left--;
                if (left == 0 || got.Error is not null)
                {
                    _settlements.Emit();
                    links.Counts.Add(MessageEvent.GetEmpty, _response.Deliveries.Count == 0 && got.Error is null ? 1 : 0);
                    _response.MessageCount = (ulong)(got.MessageCount + returned);
                    answered.TrySetResult((got.Error, got.Message is not null && !isFull));
                }
            }
        }

        return answered.Task;
    }
}
