using Google.Protobuf;
using Granary.Core.Threads;
using Granary.Gateway.Grpc;
using Granary.Gateway.Grpc.Access;
using Granary.Gateway.Grpc.Messages;
using Granary.Gateway.Grpc.Publishing;
using Granary.Gateway.Management.Frame;
using Granary.Gateway.Management.Queues;
using Granary.V1;
using Grpc.Core;

namespace Granary.Gateway.Management.Exchanges;

/// <summary>Publishes a message for <c>POST /api/exchanges/…/publish</c>, and waits until its queues have it.</summary>
internal sealed class MessagePost(GrpcServer server)
{
    /// <returns>Whether a queue has it.</returns>
    public async Task<bool> PublishAsync(ApiCall call, string vhost, string exchange, PublishMessage asked)
    {
        var message = new Message
        {
            Exchange = exchange,
            RoutingKey = asked.RoutingKey,
            Body = UnsafeByteOperations.UnsafeWrap(MessageJson.Decode(asked.Payload!, asked.PayloadEncoding!)),
        };
        if (PropertiesDecoding.Decode(Encode(asked.Properties)) is { } properties)
        {
            message.Properties = properties;
        }

        try
        {
            var links = server.UnaryLinksOf(new Caller(call.User.Name, vhost, call.User.Access));
            var encoder = links.NewEncoder();
            encoder.Read(message);
            return await RunningTime.WaitAsync(links.PublishAsync(encoder, call.Aborted), server.Patience, server.Clock, call.Aborted).ConfigureAwait(false) == PublishOutcome.Accepted;
        }
        catch (RpcException refused)
        {
            throw refused.StatusCode switch
            {
                StatusCode.NotFound => new ApiException(404, "not_found", refused.Status.Detail),
                StatusCode.PermissionDenied => ApiException.NotAuthorised(refused.Status.Detail),
                StatusCode.Unavailable => new ApiException(503, "service_unavailable", refused.Status.Detail),
                _ => ApiException.BadRequest(refused.Status.Detail),
            };
        }
        catch (Granary.Amqp.AmqpException refused)
        {
            throw ApiException.BadRequest(refused.Text);
        }
    }

    private static byte[] Encode(Granary.Amqp.BasicProperties properties)
    {
        try
        {
            return properties.Encode();
        }
        catch (ArgumentException exception)
        {
            throw ApiException.BadRequest(exception.Message);
        }
    }
}
