using System.Text;
using Google.Protobuf;
using Google.Protobuf.Reflection;
using Granary.Core.Messages;
using Granary.Gateway.Amqp;
using Granary.Gateway.Grpc.Access;
using Granary.Gateway.Grpc.Calling;
using Granary.Gateway.Grpc.Messages;
using Granary.Gateway.Grpc.Publishing;
using Granary.V1;
using Grpc.Core;
using BasicProperties = Granary.V1.BasicProperties;

namespace Granary.Gateway.Grpc;

/// <summary>Request and reply.</summary>
[BindServiceMethod(typeof(RpcBinding), nameof(RpcBinding.BindService))]
internal sealed class RpcService(GrpcServer server, CallRunner calls) : Rpc.RpcBase
{
    private static readonly TimeSpan DefaultPatience = TimeSpan.FromSeconds(30);

    public override Task<CallResponse> Call(CallRequest request, ServerCallContext context) =>
        calls.RunAsync(context, caller => CallAsync(request, server.UnaryLinksOf(caller), context));

    public override Task Serve(IAsyncStreamReader<ServeRequest> requestStream, IServerStreamWriter<ServeResponse> responseStream, ServerCallContext context) =>
        calls.RunAsync(context, caller => new ServeSession(server, caller, requestStream, responseStream, context).RunAsync());

    private async Task<CallResponse> CallAsync(CallRequest request, UnaryLinks links, ServerCallContext context)
    {
        if (request.Message?.Properties is { HasReplyTo: true })
        {
            throw CallErrors.Invalid("reply_to is the server's to set");
        }

        using var patience = new CancellationTokenSource(PatienceOf(context), server.Clock);
        using var ended = CancellationTokenSource.CreateLinkedTokenSource(context.CancellationToken, server.Stopping, patience.Token);
        using var call = new PendingCall(server.Replies);
        var message = links.NewEncoder();
        message.ReadRequest(request.Message, Encoding.UTF8.GetBytes(Names.Generate("")), call.Address);
        try
        {
            return ToResponse(await ExchangeAsync(links, message, call, ended.Token).ConfigureAwait(false), request.Message!);
        }
        catch (OperationCanceledException) when (server.Stopping.IsCancellationRequested)
        {
            throw CallErrors.Stopping();
        }
        catch (OperationCanceledException) when (patience.IsCancellationRequested)
        {
            throw new RpcException(new Status(StatusCode.DeadlineExceeded, "no reply in time"));
        }
    }

    // The reply may be there before the confirm of the request.
    private static async Task<MessageBatch> ExchangeAsync(UnaryLinks links, MessageEncoder message, PendingCall call, CancellationToken cancellationToken)
    {
        var published = links.PublishAsync(message, cancellationToken);
        await Task.WhenAny(published, call.Reply).ConfigureAwait(false);
        if (!call.Reply.IsCompleted)
        {
            CallErrors.ThrowIf(await published.ConfigureAwait(false), isMandatory: true);
        }

        return await call.Reply.WaitAsync(cancellationToken).ConfigureAwait(false);
    }

    // With a deadline, the deadline alone decides.
    private static TimeSpan PatienceOf(ServerCallContext context) => context.Deadline == DateTime.MaxValue ? DefaultPatience : Timeout.InfiniteTimeSpan;

    private static CallResponse ToResponse(in MessageBatch reply, Message request)
    {
        var message = new MessageRecord(reply.Records.Span);
        var properties = PropertiesDecoding.Decode(message.Properties);
        if (request.Properties is { HasCorrelationId: true } asked)
        {
            (properties ??= new BasicProperties()).CorrelationId = asked.CorrelationId;
        }
        else
        {
            properties?.ClearCorrelationId();
        }

        var response = new CallResponse { Body = UnsafeByteOperations.UnsafeWrap(reply.Records[(message.Length - message.Body.Length)..message.Length]) };
        if (properties is not null)
        {
            response.Properties = properties;
        }

        return response;
    }
}

/// <summary>Tells ASP.NET Core the methods of <see cref="RpcService"/>; it makes the handlers itself.</summary>
internal static class RpcBinding
{
    /// <summary>For the reflection service.</summary>
    public static ServiceDescriptor Descriptor => V1.Rpc.Descriptor;

    /// <param name="service">Null: methods are bound, not an object.</param>
    public static void BindService(ServiceBinderBase binder, V1.Rpc.RpcBase? service) => V1.Rpc.BindService(new CheckedBinder(binder), service);
}
