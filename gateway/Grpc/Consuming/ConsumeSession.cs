using Google.Protobuf.Collections;
using Granary.Gateway.Amqp;
using Granary.Gateway.Grpc.Access;
using Granary.V1;
using Grpc.Core;

namespace Granary.Gateway.Grpc.Consuming;

/// <summary>One <c>Consume</c>.</summary>
internal sealed class ConsumeSession : DeliverySession<ConsumeRequest, ConsumeResponse>
{
    private readonly Action<SettledDelivery> _ack;

    public ConsumeSession(
        GrpcServer server, Caller caller, IAsyncStreamReader<ConsumeRequest> requests, IServerStreamWriter<ConsumeResponse> responses,
        ServerCallContext context)
        : base(server, caller, requests, responses, context)
    {
        _ack = Ack;
    }

    protected override Subscribe? SubscribeOf(ConsumeRequest request) => request.Subscribe;

    protected override bool Apply(ConsumeRequest request)
    {
        foreach (var tag in request.Acks)
        {
            Settle(tag, multiple: false, _ack);
        }

        foreach (var settlement in request.Settlements)
        {
            Settle(settlement);
        }

        if (request.HasCredit)
        {
            SetCredit(request.Credit);
        }

        return request.Cancel;
    }

    protected override ConsumeResponse Respond(Subscribed subscribed) => new() { Subscribed = subscribed };

    protected override ConsumeResponse Respond(Cancelled cancelled) => new() { Cancelled = cancelled };

    protected override (ConsumeResponse Response, RepeatedField<Delivery> Deliveries) RespondWithDeliveries()
    {
        var response = new ConsumeResponse();
        return (response, response.Deliveries);
    }
}
