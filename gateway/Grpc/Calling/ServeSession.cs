using Google.Protobuf.Collections;
using Granary.Amqp;
using Granary.Core;
using Granary.Core.Access;
using Granary.Core.Counting;
using Granary.Core.Links;
using Granary.Core.Messages;
using Granary.Gateway.Amqp;
using Granary.Gateway.Amqp.DirectReply;
using Granary.Gateway.Amqp.Publishing;
using Granary.Gateway.Grpc.Access;
using Granary.Gateway.Grpc.Consuming;
using Granary.Gateway.Grpc.Messages;
using Granary.Gateway.Links;
using Granary.Gateway.Routing;
using Granary.Gateway.Tracing;
using Granary.V1;
using Grpc.Core;

namespace Granary.Gateway.Grpc.Calling;

/// <summary>One <c>Serve</c>: requests of a queue go out, replies come in and are published; a request is acknowledged when its reply is confirmed.</summary>
internal sealed class ServeSession : DeliverySession<ServeRequest, ServeResponse>
{
    private readonly Dictionary<ulong, RequestHead> _heads = [];
    private readonly ReplyPost _directReplies;
    private readonly MessageEncoder _encoder;
    private readonly PathFinder _paths;
    private int _unconfirmed;

    public ServeSession(
        GrpcServer server, Caller caller, IAsyncStreamReader<ServeRequest> requests, IServerStreamWriter<ServeResponse> responses,
        ServerCallContext context)
        : base(server, caller, requests, responses, context)
    {
        _encoder = new MessageEncoder(caller.User, server.MaxMessageSize);
        _paths = new PathFinder(Links, server.Router, Rights);
        _directReplies = new ReplyPost(Links);
    }

    protected override bool HasUnconfirmed => _unconfirmed > 0;

    protected override Subscribe? SubscribeOf(ServeRequest request) => request.Subscribe is { NoAck: true }
        ? throw CallErrors.Invalid("no_ack is not for requests: they are settled by their replies")
        : request.Subscribe;

    protected override async ValueTask BeforeRequestAsync(ServeRequest request, CancellationToken cancellationToken)
    {
        if (request.Replies.Count > 0)
        {
            await Server.WaitToRouteAsync(cancellationToken).ConfigureAwait(false);
            CallErrors.ThrowIf(await Rights.CheckAsync(static may => may.CheckExchange(Right.Write, ""), cancellationToken).ConfigureAwait(false));
        }
    }

    protected override bool Apply(ServeRequest request)
    {
        foreach (var reply in request.Replies)
        {
            Reply(reply);
        }

        foreach (var settlement in request.Settlements)
        {
            Settle(settlement);
        }

        foreach (var extension in request.Extensions)
        {
            Extend(extension);
        }

        if (request.HasCredit)
        {
            SetCredit(request.Credit);
        }

        return request.Cancel;
    }

    // Not under the gate, because a requester has one, too.
    protected override void AfterRequest() => _directReplies.Send();

    protected override Task WaitForRoomAsync(CancellationToken cancellationToken) => _directReplies.WaitForRoomAsync();

    protected override void OnDelivering(in DeliverySlice slice, ulong firstTag)
    {
        var records = slice.Batch.Records.Span;
        var tag = firstTag;
        for (var at = 0; at < records.Length; tag++)
        {
            var message = new MessageRecord(records[at..]);
            at += message.Length;
            var properties = BasicPropertiesView.Read(message.Properties);
            _heads[tag] = new RequestHead(
                properties.TryGetReplyTo(out var replyTo) ? replyTo.ToArray() : null,
                properties.TryGetCorrelationId(out var correlationId) ? correlationId.ToArray() : null);
        }
    }

    protected override void OnSettled(ulong firstTag, int count)
    {
        for (var tag = firstTag; tag < firstTag + (ulong)count; tag++)
        {
            _heads.Remove(tag);
        }
    }

    protected override ServeResponse Respond(Subscribed subscribed) => new() { Subscribed = subscribed };

    protected override ServeResponse Respond(Cancelled cancelled) => new() { Cancelled = cancelled };

    protected override ServeResponse Respond(IEnumerable<NumberRange> expired) => new() { Expired = { expired } };

    protected override (ServeResponse Response, RepeatedField<Delivery> Deliveries) RespondWithDeliveries()
    {
        var response = new ServeResponse();
        return (response, response.Requests);
    }

    private void Reply(Reply reply)
    {
        if (IsTooLate(reply.DeliveryTag))
        {
            // Another server has the request, or will have.
            return;
        }

        if (!_heads.TryGetValue(reply.DeliveryTag, out var head))
        {
            throw CallErrors.Precondition($"unknown delivery tag {reply.DeliveryTag}");
        }

        if (head.ReplyTo is not { } replyTo)
        {
            throw CallErrors.Precondition($"the request with delivery tag {reply.DeliveryTag} has no reply_to");
        }

        _encoder.ReadReply(replyTo, head.CorrelationId, head.CorrelationId is not null, reply);
        var record = new byte[_encoder.Size];
        _encoder.Write(record);
        var batch = new MessageBatch(record, 1, _encoder.Flags);
        Settle(reply.DeliveryTag, multiple: false, request => Send(batch, request));
        _heads.Remove(reply.DeliveryTag);
    }

    private void Send(in MessageBatch batch, SettledDelivery request)
    {
        Links.Counts.Add(MessageEvent.Publish, 1);
        if (_encoder.IsReply)
        {
            Trace?.Replied(Number, batch);
            if (Server.Replies.TryFind(_encoder.RoutingKey, out var requester))
            {
                _unconfirmed++;
                _directReplies.Add(requester, batch, RunOf(batch, request, targets: 1));
            }
            else
            {
                Ack(request);
            }

            return;
        }

        // The default exchange is never fetched, and whether the user may publish to it was asked before.
        if (_encoder.FindPath(_paths) is not { } path)
        {
            throw CallErrors.From(BrokerError.RightsOutOfReach(Caller.Vhost, Caller.User));
        }

        var sent = Server.Spans?.Published(batch, MessageSpans.Grpc, Links.Vhost) ?? batch;
        Trace?.Published(Number, sent, path.Links);
        if (path.Links.Length == 0)
        {
            path.Count(1);
            Ack(request);
            return;
        }

        _unconfirmed++;
        Publisher.Send(path, sent, RunOf(sent, request, path.Links.Length));
    }

    private PublishRun RunOf(in MessageBatch reply, SettledDelivery request, int targets) => new(new ReplyConfirm(this, request), 0, reply, mandatory: false, targets);

    // Whatever became of it: a reply that nobody takes is dropped.
    private void Confirmed(SettledDelivery request)
    {
        _unconfirmed--;
        Ack(request);
        Settlements.Emit();
        Wake();
    }

    /// <summary>Waits for one reply's confirm.</summary>
    private sealed class ReplyConfirm(ServeSession session, SettledDelivery request) : IPublishOwner
    {
        public void OnPublished(PublishRun run) => session.Confirmed(request);

        public void OnUnroutable(PublishRun run) => session.Confirmed(request);

        public void OnLost(PublishRun run) => session.Confirmed(request);
    }
}
