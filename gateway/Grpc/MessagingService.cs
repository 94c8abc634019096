using Granary.Gateway.Access;
using Granary.Gateway.Amqp;
using Granary.Gateway.Grpc.Access;
using Granary.Gateway.Grpc.Consuming;
using Granary.Gateway.Grpc.Messages;
using Granary.Gateway.Grpc.Publishing;
using Granary.Gateway.Topology;
using Granary.V1;
using Grpc.Core;

namespace Granary.Gateway.Grpc;

/// <summary>Publishing and consuming.</summary>
internal sealed class MessagingService(GrpcServer server, CallRunner calls, MessageMove move) : MessagingBase
{
    /// <summary>Octets of bodies that Browse answers with: clients take 4 MiB unless they are told to take more.</summary>
    private const long MostBodies = 2 * 1024 * 1024;

    private const int MostMoved = MessageMove.MostMessages;

    public override Task<PublishResponse> Publish(PublishRequest request, ServerCallContext context) => calls.RunAsync(context, async caller =>
    {
        var links = server.UnaryLinksOf(caller);
        var message = links.NewEncoder();
        message.Read(request.Message);
        var outcome = await links.PublishAsync(message, context.CancellationToken).ConfigureAwait(false);
        CallErrors.ThrowIf(outcome, request.Message.Mandatory);
        return new PublishResponse { Routed = outcome == PublishOutcome.Accepted };
    });

    public override Task PublishStream(
        IAsyncStreamReader<PublishStreamPayload> requestStream, IServerStreamWriter<PublishStreamResponse> responseStream, ServerCallContext context) =>
        calls.RunAsync(context, caller => new PublishStreamSession(server, caller, requestStream, responseStream, context).RunAsync());

    public override Task Consume(
        IAsyncStreamReader<ConsumeRequest> requestStream, IServerStreamWriter<ConsumeResponse> responseStream, ServerCallContext context) =>
        calls.RunAsync(context, caller => new ConsumeSession(server, caller, requestStream, responseStream, context).RunAsync());

    public override Task<GetResponse> Get(GetRequest request, ServerCallContext context) =>
        calls.RunAsync(context, caller =>
        {
            var shared = server.UnaryLinksOf(caller);
            return new QueueReader(shared.Links, shared.Rights, server.Patience, server.Lease, shared.Trace, server.Spans).GetAsync(request, context.CancellationToken);
        });

    public override Task<BrowseResponse> Browse(BrowseRequest request, ServerCallContext context) => calls.RunAsync(context, async caller =>
    {
        var query = new MessageQuery(ShortStrings.QueueName(request.Queue), request.After, request.Search.Memory)
        {
            Count = Within(request.Count, MessageQuery.UsualCount, MessageQuery.MostMessages, "count"),
            Bytes = Within(request.Bytes, MessageQuery.UsualBytes, MessageQuery.MostBytes, "bytes"),
            Time = Within(request.TimeMs, MessageQuery.UsualTime, MessageQuery.MostTime, "time_ms"),
            Bodies = MostBodies,
        };
        var rights = new ClientRights(caller.Access ?? server.Access, caller.User, caller.Vhost);
        var (error, found) = await new BrowseCalls(server.GrainsFor(caller, context.CancellationToken), rights).FindAsync(query).ConfigureAwait(false);
        CallErrors.ThrowIf(error);
        return new BrowseResponse
        {
            Messages = { found!.Messages.Select(new DeliveryDecoder().ToBrowsed) },
            Next = found.Next ?? "",
            Examined = (uint)found.Examined,
            ExaminedBytes = (ulong)found.ExaminedBytes,
        };
    });

    public override Task<MoveResponse> Move(MoveRequest request, ServerCallContext context) => calls.RunAsync(context, async caller =>
    {
        var (queue, to) = (ShortStrings.QueueName(request.Queue), Names.Clean(ShortStrings.Check(request.ToQueue, "to_queue")));
        if (to == queue)
        {
            throw CallErrors.Invalid("the messages are in that queue");
        }

        var count = Within(request.Count, MostMoved, MostMoved, "count");
        var (error, moved) = await move.RunAsync(caller, queue, to.Length == 0 ? null : to, request.ToFirstDeath, count, context.CancellationToken).ConfigureAwait(false);
        CallErrors.ThrowIf(error);
        return new MoveResponse { Moved = (uint)moved.Count, Refusal = moved.Refusal ?? "" };
    });

    private static int Within(ulong asked, int usual, int most, string name) =>
        asked == 0 ? usual : asked <= (ulong)most ? (int)asked : throw CallErrors.Invalid($"{name} is at most {most}");
}
