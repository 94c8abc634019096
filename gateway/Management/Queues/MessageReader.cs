using System.Globalization;
using System.Text;
using Granary.Amqp;
using Granary.Core.Access;
using Granary.Core.Links;
using Granary.Core.Messages;
using Granary.Core.Threads;
using Granary.Gateway.Grpc;
using Granary.Gateway.Grpc.Access;
using Granary.Gateway.Management.Frame;
using Granary.Gateway.Topology;

namespace Granary.Gateway.Management.Queues;

/// <summary>Takes messages for <c>POST /api/queues/…/get</c>, and gives them back where that is asked for.</summary>
internal sealed class MessageReader(GrpcServer server)
{
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
        var shared = server.UnaryLinksOf(new Caller(call.User.Name, vhost, call.User.Access));
        ApiException.ThrowIf(await shared.Rights.CheckAsync(may => may.CheckQueue(Right.Read, queue), call.Aborted).ConfigureAwait(false));
        if (count < 1)
        {
            return [];
        }

        var links = shared.Links;
        var messages = new List<MessageJson>();
        var bytes = 0L;
        var taken = new TakenMessages(links, queue, got =>
        {
            messages.Add(Tell(got, isBase64, asked.Truncate));
            if (settlement != Settlement.Undelivered && got.Message is { } slice)
            {
                shared.Trace?.Delivered(0, queue, slice.Batch.Records.Span, slice.Redelivered);
            }

            bytes += messages[^1].PayloadBytes;
        });
        try
        {
            var more = true;
            while (more && messages.Count < count && bytes < MostBytes)
            {
                (var error, more) = await taken.TakeAsync(Math.Min(taken.Fitting(MostBytes - bytes), count - messages.Count), server.Patience, call.Aborted).ConfigureAwait(false);
                ApiException.ThrowIf(error);
            }
        }
        finally
        {
            // Whatever becomes of the answer, nothing stays out.
            taken.End();
            taken.Settle(settlement);
        }

        // The next request, on whichever connection, finds it settled.
        await RunningTime.WaitAsync(links.DrainAsync(queue).AsTask(), server.Patience, server.Clock, call.Aborted).ConfigureAwait(false);
        return messages;
    }

    private static Settlement SettlementOf(GetRequest asked) => (asked.Ackmode, asked.Requeue) switch
    {
        // Not one of RabbitMQ's: a look, after which the messages are as if nobody had got them.
        ("browse", _) => Settlement.Undelivered,
        ("ack_requeue_true" or "reject_requeue_true", _) or (null, true) => Settlement.Requeue,
        ("ack_requeue_false", _) or (null, false) => Settlement.Ack,
        ("reject_requeue_false", _) => Settlement.Reject,
        var (other, _) => throw ApiException.BadRequest($"Invalid ackmode: {other}"),
    };

    private static MessageJson Tell(GotItem got, bool isBase64, int? truncate)
    {
        var message = new MessageRecord(got.Message!.Value.Batch.Records.Span);
        var (payload, encoding) = MessageJson.Encode(message.Body, isBase64, truncate);
        return new MessageJson
        {
            PayloadBytes = message.Body.Length,
            Redelivered = got.Message!.Value.Redelivered,
            Exchange = Encoding.UTF8.GetString(message.Exchange),
            RoutingKey = Encoding.UTF8.GetString(message.RoutingKey),
            MessageCount = got.MessageCount,
            Properties = BasicProperties.Decode(message.Properties),
            Payload = payload,
            PayloadEncoding = encoding,
        };
    }
}
