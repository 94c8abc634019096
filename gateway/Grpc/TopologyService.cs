using Granary.Amqp;
using Granary.Core;
using Granary.Core.Topology;
using Granary.Gateway.Amqp;
using Granary.Gateway.Amqp.DirectReply;
using Granary.Gateway.Grpc.Access;
using Granary.Gateway.Grpc.Messages;
using Granary.Gateway.Links;
using Granary.V1;
using Grpc.Core;
using Binding = Granary.Core.Topology.Binding;
using FieldTable = Granary.V1.FieldTable;

namespace Granary.Gateway.Grpc;

/// <summary>Queues, exchanges and bindings.</summary>
internal sealed class TopologyService(GrpcServer server, CallRunner calls) : Topology.TopologyBase
{
    public override Task<DeclareQueueResponse> DeclareQueue(DeclareQueueRequest request, ServerCallContext context) => calls.RunAsync(context, async caller =>
    {
        var name = Names.Clean(ShortStrings.Check(request.Queue, "queue"));
        var generated = name.Length == 0;
        if (generated)
        {
            name = request.Passive ? throw CallErrors.Invalid("queue is empty") : Names.Generate("amq.gen-");
        }

        if (request.Passive && ReplyAddress.IsReplyName(name))
        {
            return DescribeReplyQueue(caller.Vhost, name);
        }

        var declaration = new QueueDeclaration(
            server.Id, request.Durable, Exclusive: false, request.AutoDelete, Encode(request.Passive ? null : request.Arguments), generated);
        var answer = await Grains(caller, context).QueueAsync(
            name, queue => request.Passive ? queue.DescribeAsync(server.Id) : queue.DeclareAsync(declaration)).ConfigureAwait(false);
        CallErrors.ThrowIf(answer.Error);
        return new DeclareQueueResponse { Queue = name, MessageCount = (ulong)answer.Messages, ConsumerCount = (uint)answer.Consumers };
    });

    public override Task<DeleteQueueResponse> DeleteQueue(DeleteQueueRequest request, ServerCallContext context) => calls.RunAsync(context, async caller =>
    {
        var answer = await Grains(caller, context).QueueAsync(
            QueueName(request.Queue), queue => queue.DeleteAsync(server.Id, request.IfUnused, request.IfEmpty)).ConfigureAwait(false);
        CallErrors.ThrowIf(answer.Error);
        return new DeleteQueueResponse { MessageCount = (ulong)answer.Messages };
    });

    public override Task<PurgeQueueResponse> PurgeQueue(PurgeQueueRequest request, ServerCallContext context) => calls.RunAsync(context, async caller =>
    {
        var answer = await Grains(caller, context).QueueAsync(QueueName(request.Queue), queue => queue.PurgeAsync(server.Id)).ConfigureAwait(false);
        CallErrors.ThrowIf(answer.Error);
        return new PurgeQueueResponse { MessageCount = (ulong)answer.Messages };
    });

    public override Task<BindQueueResponse> BindQueue(BindQueueRequest request, ServerCallContext context) => calls.RunAsync(context, async caller =>
    {
        var (queueName, exchangeName) = BoundQueue(request.Queue, request.Exchange);
        var (key, arguments) = (Key(request.RoutingKey), Encode(request.Arguments));
        var source = await Grains(caller, context).QueueAsync(queueName, queue => queue.AddBindingSourceAsync(server.Id, exchangeName)).ConfigureAwait(false);
        CallErrors.ThrowIf(source.Error);
        var binding = new Binding(new Destination(DestinationKind.Queue, queueName, source.Incarnation), key, arguments);
        CallErrors.ThrowIf(await Grains(caller, context).ExchangeAsync(exchangeName, exchange => exchange.BindAsync(binding, source.Durable)).ConfigureAwait(false));
        return new BindQueueResponse();
    });

    public override Task<UnbindQueueResponse> UnbindQueue(UnbindQueueRequest request, ServerCallContext context) => calls.RunAsync(context, async caller =>
    {
        var (queueName, exchangeName) = BoundQueue(request.Queue, request.Exchange);
        var (key, arguments) = (Key(request.RoutingKey), Encode(request.Arguments));
        var described = await Grains(caller, context).QueueAsync(queueName, queue => queue.DescribeAsync(server.Id)).ConfigureAwait(false);

        // A queue that is not there has no bindings, and neither has an exchange that is not there: nothing to remove is not an error.
        ThrowUnlessMissing(described.Error);
        if (described.Error is null)
        {
            var binding = new Binding(new Destination(DestinationKind.Queue, queueName, described.Incarnation), key, arguments);
            ThrowUnlessMissing(await Grains(caller, context).ExchangeAsync(exchangeName, exchange => exchange.UnbindAsync(binding)).ConfigureAwait(false));
        }

        return new UnbindQueueResponse();
    });

    public override Task<DeclareExchangeResponse> DeclareExchange(DeclareExchangeRequest request, ServerCallContext context) =>
        calls.RunAsync(context, async caller =>
        {
            var name = ExchangeName(request.Exchange);
            var declaration = new ExchangeDeclaration(
                request.Type, request.Durable, request.AutoDelete, request.Internal, Encode(request.Passive ? null : request.Arguments));
            CallErrors.ThrowIf(
                await Grains(caller, context).ExchangeAsync(
                    name, exchange => request.Passive ? exchange.CheckAsync() : exchange.DeclareAsync(declaration)).ConfigureAwait(false));
            return new DeclareExchangeResponse();
        });

    public override Task<DeleteExchangeResponse> DeleteExchange(DeleteExchangeRequest request, ServerCallContext context) =>
        calls.RunAsync(context, async caller =>
        {
            CallErrors.ThrowIf(await Grains(caller, context).ExchangeAsync(ExchangeName(request.Exchange), exchange => exchange.DeleteAsync(request.IfUnused)).ConfigureAwait(false));
            return new DeleteExchangeResponse();
        });

    public override Task<BindExchangeResponse> BindExchange(BindExchangeRequest request, ServerCallContext context) => calls.RunAsync(context, async caller =>
    {
        var (destination, source) = (ExchangeName(request.Destination), ExchangeName(request.Source));
        var (key, arguments) = (Key(request.RoutingKey), Encode(request.Arguments));
        var added = await Grains(caller, context).ExchangeAsync(destination, exchange => exchange.AddBindingSourceAsync(source)).ConfigureAwait(false);
        CallErrors.ThrowIf(added.Error);
        var binding = new Binding(new Destination(DestinationKind.Exchange, destination, added.Incarnation), key, arguments);
        CallErrors.ThrowIf(await Grains(caller, context).ExchangeAsync(source, exchange => exchange.BindAsync(binding, added.Durable)).ConfigureAwait(false));
        return new BindExchangeResponse();
    });

    public override Task<UnbindExchangeResponse> UnbindExchange(UnbindExchangeRequest request, ServerCallContext context) =>
        calls.RunAsync(context, async caller =>
        {
            var (destination, source) = (ExchangeName(request.Destination), ExchangeName(request.Source));
            var binding = new Binding(new Destination(DestinationKind.Exchange, destination, default), Key(request.RoutingKey), Encode(request.Arguments));
            ThrowUnlessMissing(await Grains(caller, context).ExchangeAsync(source, exchange => exchange.UnbindAsync(binding)).ConfigureAwait(false));
            return new UnbindExchangeResponse();
        });

    private GrainCalls Grains(Caller caller, ServerCallContext context) => server.GrainsFor(caller, context.CancellationToken);

    // There is always a consumer behind a reply address: the one who waits.
    private DeclareQueueResponse DescribeReplyQueue(string vhost, string name)
    {
        if (name != ReplyAddress.PseudoQueueName && !server.Replies.TryFind(System.Text.Encoding.UTF8.GetBytes(name), out _))
        {
            throw CallErrors.From(BrokerError.NoQueue(vhost, name));
        }

        return new DeclareQueueResponse { Queue = name, ConsumerCount = 1 };
    }

    private static EncodedTable Encode(FieldTable? table) => EncodedTable.From(FieldTableEncoding.Encode(table));

    private static string Key(string key) => ShortStrings.Check(key, "routing_key");

    private static string QueueName(string name) =>
        Names.Clean(ShortStrings.Check(name, "queue")) is { Length: > 0 } given ? given : throw CallErrors.Invalid("queue is empty");

    private static string ExchangeName(string name) => Names.Clean(ShortStrings.Check(name, "exchange")) is { Length: > 0 } given
        ? given
        : throw CallErrors.Of(ReplyCode.AccessRefused, "operation not permitted on the default exchange");

    private static (string Queue, string Exchange) BoundQueue(string queue, string exchange) => ReplyAddress.IsReplyName(queue)
        ? throw CallErrors.Of(ReplyCode.AccessRefused, "cannot bind or unbind to a volatile (direct reply-to) queue")
        : (QueueName(queue), ExchangeName(exchange));

    private static void ThrowUnlessMissing(BrokerError? error) => CallErrors.ThrowIf(error?.SaysMissing == true ? null : error);
}
