using Google.Protobuf.Reflection;
using Granary.Amqp;
using Granary.Core;
using Granary.Core.Members;
using Granary.Core.Topology;
using Granary.Gateway.Access;
using Granary.Gateway.Amqp;
using Granary.Gateway.Grpc.Access;
using Granary.Gateway.Grpc.Messages;
using Granary.Gateway.Topology;
using Granary.V1;
using Grpc.Core;
using FieldTable = Granary.V1.FieldTable;

namespace Granary.Gateway.Grpc;

/// <summary>Queues, exchanges and bindings, and where queues are.</summary>
[BindServiceMethod(typeof(TopologyBinding), nameof(TopologyBinding.BindService))]
internal sealed class TopologyService(GrpcServer server, CallRunner calls, IQueuePlaces places) : V1.Topology.TopologyBase
{
    private const int UsualDelayed = 100;

    public override Task<DeclareQueueResponse> DeclareQueue(DeclareQueueRequest request, ServerCallContext context) => RunAsync(context, async topology =>
    {
        var name = Names.Clean(ShortStrings.Check(request.Queue, "queue"));
        (name, var answer) = request.Passive
            ? (name, await topology.DescribeQueueAsync(ShortStrings.QueueName(name)).ConfigureAwait(false))
            : await topology.DeclareQueueAsync(
                name, request.Durable, isExclusive: false, request.AutoDelete, Encode(request.Arguments)).ConfigureAwait(false);
        CallErrors.ThrowIf(answer.Error);
        return new DeclareQueueResponse { Queue = name, MessageCount = (ulong)answer.Messages, ConsumerCount = (uint)answer.Consumers };
    });

    public override Task<DeleteQueueResponse> DeleteQueue(DeleteQueueRequest request, ServerCallContext context) => RunAsync(context, async topology =>
    {
        var answer = await topology.DeleteQueueAsync(ShortStrings.QueueName(request.Queue), request.IfUnused, request.IfEmpty).ConfigureAwait(false);
        CallErrors.ThrowIf(answer.Error);
        return new DeleteQueueResponse { MessageCount = (ulong)answer.Messages };
    });

    public override Task<PurgeQueueResponse> PurgeQueue(PurgeQueueRequest request, ServerCallContext context) => RunAsync(context, async topology =>
    {
        var answer = await topology.PurgeQueueAsync(ShortStrings.QueueName(request.Queue)).ConfigureAwait(false);
        CallErrors.ThrowIf(answer.Error);
        return new PurgeQueueResponse { MessageCount = (ulong)answer.Messages };
    });

    public override Task<BindQueueResponse> BindQueue(BindQueueRequest request, ServerCallContext context) => RunAsync(context, async topology =>
    {
        CallErrors.ThrowIf(await topology.BindQueueAsync(
            ShortStrings.QueueName(request.Queue), ExchangeName(request.Exchange), Key(request.RoutingKey), Encode(request.Arguments)).ConfigureAwait(false));
        return new BindQueueResponse();
    });

    public override Task<UnbindQueueResponse> UnbindQueue(UnbindQueueRequest request, ServerCallContext context) => RunAsync(context, async topology =>
    {
        CallErrors.ThrowIf(await topology.UnbindQueueAsync(
            ShortStrings.QueueName(request.Queue), ExchangeName(request.Exchange), Key(request.RoutingKey), Encode(request.Arguments)).ConfigureAwait(false));
        return new UnbindQueueResponse();
    });

    public override Task<DeclareExchangeResponse> DeclareExchange(DeclareExchangeRequest request, ServerCallContext context) =>
        RunAsync(context, async topology =>
        {
            var name = ExchangeName(request.Exchange);
            CallErrors.ThrowIf(await (request.Passive ? topology.CheckExchangeAsync(name) : topology.DeclareExchangeAsync(
                name,
                new ExchangeDeclaration(request.Type, request.Durable, request.AutoDelete, request.Internal, Encode(request.Arguments)))).ConfigureAwait(false));
            return new DeclareExchangeResponse();
        });

    public override Task<DeleteExchangeResponse> DeleteExchange(DeleteExchangeRequest request, ServerCallContext context) =>
        RunAsync(context, async topology =>
        {
            CallErrors.ThrowIf(await topology.DeleteExchangeAsync(ExchangeName(request.Exchange), request.IfUnused).ConfigureAwait(false));
            return new DeleteExchangeResponse();
        });

    public override Task<BindExchangeResponse> BindExchange(BindExchangeRequest request, ServerCallContext context) => RunAsync(context, async topology =>
    {
        CallErrors.ThrowIf(await topology.BindExchangeAsync(
            ExchangeName(request.Destination), ExchangeName(request.Source), Key(request.RoutingKey), Encode(request.Arguments)).ConfigureAwait(false));
        return new BindExchangeResponse();
    });

    public override Task<UnbindExchangeResponse> UnbindExchange(UnbindExchangeRequest request, ServerCallContext context) =>
        RunAsync(context, async topology =>
        {
            CallErrors.ThrowIf(await topology.UnbindExchangeAsync(
                ExchangeName(request.Destination), ExchangeName(request.Source), Key(request.RoutingKey), Encode(request.Arguments)).ConfigureAwait(false));
            return new UnbindExchangeResponse();
        });

    public override Task<ListDelayedResponse> ListDelayed(ListDelayedRequest request, ServerCallContext context) => RunDelayedAsync(context, async delayed =>
    {
        var count = request.Count == 0 ? UsualDelayed : (int)Math.Min(request.Count, int.MaxValue);
        var answer = await delayed.ListAsync(ExchangeName(request.Exchange), request.After, count).ConfigureAwait(false);
        CallErrors.ThrowIf(answer.Error);
        return new ListDelayedResponse { Messages = { answer.Messages.Select(DeliveryDecoder.ToDelayed) } };
    });

    public override Task<CancelDelayedResponse> CancelDelayed(CancelDelayedRequest request, ServerCallContext context) => RunDelayedAsync(context, async delayed =>
    {
        CallErrors.ThrowIf(await delayed.CancelAsync(ExchangeName(request.Exchange), request.Id).ConfigureAwait(false));
        return new CancelDelayedResponse();
    });

    public override Task<MoveQueueResponse> MoveQueue(MoveQueueRequest request, ServerCallContext context) => RunAsync(context, async (topology, rights) =>
    {
        await CheckAdministratorAsync(rights, context.CancellationToken).ConfigureAwait(false);
        var silo = request.Node.Length == 0
            ? await places.FindLeastLoadedAsync(context.CancellationToken).ConfigureAwait(false)
            : places.Find(request.Node) ?? throw CallErrors.Invalid($"there is no node '{request.Node}'; nodes that have queues are {string.Join(", ", places.Names)}");
        CallErrors.ThrowIf(await topology.MoveQueueAsync(ShortStrings.QueueName(request.Queue), silo).ConfigureAwait(false));
        return new MoveQueueResponse { Node = silo.Endpoint.ToString() };
    });

    public override Task<RebalanceQueuesResponse> RebalanceQueues(RebalanceQueuesRequest request, ServerCallContext context) => RunAsync(context, async (_, rights) =>
    {
        await CheckAdministratorAsync(rights, context.CancellationToken).ConfigureAwait(false);
        return new RebalanceQueuesResponse { QueuesMoved = (uint)await places.RebalanceAsync(QueueChoice.All, context.CancellationToken).ConfigureAwait(false) };
    });

    private Task<T> RunDelayedAsync<T>(ServerCallContext context, Func<DelayedCalls, Task<T>> call) => calls.RunAsync(
        context, caller => call(new DelayedCalls(server.GrainsFor(caller, context.CancellationToken), new ClientRights(caller.Access ?? server.Access, caller.User, caller.Vhost))));

    private Task<T> RunAsync<T>(ServerCallContext context, Func<TopologyCalls, Task<T>> call) => RunAsync(context, (topology, _) => call(topology));

    private Task<T> RunAsync<T>(ServerCallContext context, Func<TopologyCalls, ClientRights, Task<T>> call) => calls.RunAsync(context, caller =>
    {
        var rights = new ClientRights(caller.Access ?? server.Access, caller.User, caller.Vhost);
        return call(new TopologyCalls(server.GrainsFor(caller, context.CancellationToken), server.Id, server.Replies, rights, limits: server.QueueLimits), rights);
    });

    /// <summary>Where queues are is a matter of the nodes, not of the vhost.</summary>
    private static async ValueTask CheckAdministratorAsync(ClientRights rights, CancellationToken cancellation) => CallErrors.ThrowIf(
        await rights.CheckAsync(
            static may => may.User?.IsAdministrator == true ? null : new BrokerError(ReplyCode.AccessRefused, $"user '{may.UserName}' is no administrator"), cancellation)
            .ConfigureAwait(false));

    private static EncodedTable Encode(FieldTable? table) => EncodedTable.From(FieldTableEncoding.Encode(table));

    private static string Key(string key) => ShortStrings.Check(key, "routing_key");

    private static string ExchangeName(string name) => ShortStrings.Check(name, "exchange");
}

/// <summary>Tells ASP.NET Core the methods of <see cref="TopologyService"/>; it makes the handlers itself.</summary>
internal static class TopologyBinding
{
    /// <summary>For the reflection service.</summary>
    public static ServiceDescriptor Descriptor => V1.Topology.Descriptor;

    /// <param name="service">Null: methods are bound, not an object.</param>
    public static void BindService(ServiceBinderBase binder, V1.Topology.TopologyBase? service) => V1.Topology.BindService(new CheckedBinder(binder), service);
}
