using System.Globalization;
using System.Text;
using Granary.Amqp;
using Granary.Core;
using Granary.Core.Access;
using Granary.Core.Counting;
using Granary.Core.Links;
using Granary.Core.Messages;
using Granary.Gateway.Amqp.Delivering;
using Granary.Gateway.Grpc;
using Granary.Gateway.Grpc.Access;
using Granary.Gateway.Management.Frame;

namespace Granary.Gateway.Management.Queues;

/// <summary>Takes messages for <c>POST /api/queues/…/get</c>, and gives them back where that is asked for.</summary>
internal sealed class MessageReader(GrpcServer server)
{
    private const int MostAtATime = 64;

    /// <summary>Octets of bodies in one answer; there is one message in any case.</summary>
    private const long MostBytes = 32 * 1024 * 1024;

    public async Task<List<MessageJson>> GetAsync(ApiCall call, string vhost, string queue, GetRequest asked)
    {
        MissingKeys.Check(("count", asked.Count?.ToString(CultureInfo.InvariantCulture)), ("ackmode", asked.Ackmode ?? asked.Requeue?.ToString()), ("encoding", asked.Encoding));
        var count = asked.Count!.Value;
        var settlement = SettlementOf(asked);
        var isBase64 = asked.Encoding switch
        {
            "auto" => false,
            "base64" => true,
            var other => throw ApiException.BadRequest($"Unsupported encoding: {other}. Please use either auto or base64."),
        };
        var shared = server.UnaryLinksOf(new Caller(call.User.Name, vhost, call.User.Token));
        ApiException.ThrowIf(await shared.Rights.CheckAsync(may => may.CheckQueue(Right.Read, queue), call.Aborted).ConfigureAwait(false));
        if (count < 1)
        {
            return [];
        }

        var links = shared.Links;
        var taken = new Taken(links, queue, isBase64, asked.Truncate);
        try
        {
            var more = true;
            while (more && taken.Messages.Count < count && taken.Bytes < MostBytes)
            {
                more = await taken.TakeAsync(Math.Min(MostAtATime, count - taken.Messages.Count), server.Patience, call.Aborted).ConfigureAwait(false);
            }
        }
        finally
        {
            // Whatever becomes of the answer, nothing stays out.
            taken.Settle(settlement);
        }

        // The next request, on whichever connection, finds it settled.
        await links.DrainAsync(queue).AsTask().WaitAsync(server.Patience, server.Clock, call.Aborted).ConfigureAwait(false);
        return taken.Messages;
    }

    private static Settlement SettlementOf(GetRequest asked) => (asked.Ackmode, asked.Requeue) switch
    {
        ("ack_requeue_true" or "reject_requeue_true", _) or (null, true) => Settlement.Requeue,
        ("ack_requeue_false", _) or (null, false) => Settlement.Ack,
        ("reject_requeue_false", _) => Settlement.Reject,
        var (other, _) => throw ApiException.BadRequest($"Invalid ackmode: {other}"),
    };

    /// <summary>Messages that were got and are not settled.</summary>
    private sealed class Taken(LinkSet links, string queue, bool isBase64, int? truncate)
    {
        private readonly SettlementBuffer _settlements = new();
        private readonly List<(QueueSession Session, long Offset)> _open = [];
        private Settlement? _late;

        public List<MessageJson> Messages { get; } = [];

        public long Bytes { get; private set; }

        /// <summary>False: there are no more.</summary>
        public async Task<bool> TakeAsync(int count, TimeSpan patience, CancellationToken aborted)
        {
            var answered = new TaskCompletionSource<(BrokerError? Error, bool More)>(TaskCreationOptions.RunContinuationsAsynchronously);
            lock (links.Gate)
            {
                var session = links.Open(queue);
                var left = count;
                for (var i = 0; i < count; i++)
                {
                    session.Get(noAck: false, got =>
                    {
                        OnGot(session, got);
                        if (--left == 0 || got.Error is not null)
                        {
                            answered.TrySetResult((got.Error, got.Message is not null));
                        }
                    });
                }

                links.Flush();
            }

            var (error, more) = await answered.Task.WaitAsync(patience, links.Clock, aborted).ConfigureAwait(false);
            ApiException.ThrowIf(error);
            return more;
        }

        public void Settle(Settlement settlement)
        {
            lock (links.Gate)
            {
                _late = settlement == Settlement.Ack || settlement == Settlement.Reject ? Settlement.Undelivered : settlement;
                foreach (var (session, offset) in _open)
                {
                    _settlements.Add(session, settlement, new OffsetRange(offset, 1));
                }

                _open.Clear();
                links.Counts.Add(MessageEvent.Ack, settlement == Settlement.Ack ? Messages.Count : 0);
                _settlements.Emit();
                links.Flush();
            }
        }

        private void OnGot(QueueSession session, GotItem got)
        {
            if (got.Message is not { } slice)
            {
                links.Counts.Add(MessageEvent.GetEmpty, got.Error is null ? 1 : 0);
                return;
            }

            if (_late is { } late)
            {
                // Nobody waits for it any more.
                _settlements.Add(session, late, new OffsetRange(slice.FirstOffset, 1));
                _settlements.Emit();
                return;
            }

            _open.Add((session, slice.FirstOffset));
            links.Counts.Add(MessageEvent.Get, 1);
            links.Counts.Add(MessageEvent.Redeliver, slice.Redelivered ? 1 : 0);
            var message = new MessageRecord(slice.Batch.Records.Span);
            var (payload, encoding) = MessageJson.Encode(message.Body, isBase64, truncate);
            Bytes += message.Body.Length;
            Messages.Add(new MessageJson
            {
                PayloadBytes = message.Body.Length,
                Redelivered = slice.Redelivered,
                Exchange = Encoding.UTF8.GetString(message.Exchange),
                RoutingKey = Encoding.UTF8.GetString(message.RoutingKey),
                MessageCount = got.MessageCount,
                Properties = PropertiesJson.Of(BasicProperties.Decode(message.Properties)),
                Payload = payload,
                PayloadEncoding = encoding,
            });
        }
    }
}
