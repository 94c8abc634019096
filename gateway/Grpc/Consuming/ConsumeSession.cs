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
    private readonly Queue<TransactionResult> _results = new();
    private ConsumeTransaction? _transactions;
    private Transaction? _transaction;

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

        foreach (var extension in request.Extensions)
        {
            Extend(extension);
        }

        if (request.HasCredit)
        {
            SetCredit(request.Credit);
        }

        _transaction = request.Transaction;
        return request.Cancel;
    }

    protected override bool HasUnconfirmed => _results.Count > 0;

    /// <summary>A transaction is over before the next request is read.</summary>
    protected override Task WaitForRoomAsync(CancellationToken cancellationToken) =>
        _transaction is { } transaction ? CommitAsync(transaction, cancellationToken) : Task.CompletedTask;

    protected override ConsumeResponse? TakeResponse() =>
        base.TakeResponse() ?? (_results.TryDequeue(out var result) ? new ConsumeResponse { Transaction = result } : null);

    private async Task CommitAsync(Transaction transaction, CancellationToken ended)
    {
        _transactions ??= new ConsumeTransaction(
            Server, Caller, Links, Rights, Take, Settle, Restore, (batch, links) => Trace?.Published(Number, batch, links));
        var result = await _transactions.RunAsync(transaction, ended).ConfigureAwait(false);
        lock (Links.Gate)
        {
            _results.Enqueue(result);
        }

        Wake();
    }

    protected override ConsumeResponse Respond(Subscribed subscribed) => new() { Subscribed = subscribed };

    protected override ConsumeResponse Respond(Cancelled cancelled) => new() { Cancelled = cancelled };

    protected override ConsumeResponse Respond(IEnumerable<NumberRange> expired) => new() { Expired = { expired } };

    protected override (ConsumeResponse Response, RepeatedField<Delivery> Deliveries) RespondWithDeliveries()
    {
        var response = new ConsumeResponse();
        return (response, response.Deliveries);
    }
}
