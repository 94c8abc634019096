using Granary.Gateway.Grpc.Access;
using Granary.Gateway.Grpc.Consuming;
using Granary.Gateway.Grpc.Publishing;
using Granary.V1;
using Grpc.Core;

namespace Granary.Gateway.Grpc;

/// <summary>Publishing and consuming.</summary>
internal sealed class MessagingService(GrpcServer server, CallRunner calls) : MessagingBase
{
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
}
