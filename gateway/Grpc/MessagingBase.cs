using Google.Protobuf.Reflection;
using Granary.Gateway.Grpc.Publishing;
using Granary.V1;
using Grpc.Core;

namespace Granary.Gateway.Grpc;

/// <summary>
/// The service's methods as generated code has them, but for the requests of <c>PublishStream</c>, which are handed on as they came.
/// ASP.NET Core finds each by its name in this class.
/// </summary>
[BindServiceMethod(typeof(MessagingBinding), nameof(MessagingBinding.BindService))]
internal abstract class MessagingBase
{
    public abstract Task<PublishResponse> Publish(PublishRequest request, ServerCallContext context);

    public abstract Task PublishStream(
        IAsyncStreamReader<PublishStreamPayload> requestStream, IServerStreamWriter<PublishStreamResponse> responseStream, ServerCallContext context);

    public abstract Task Consume(IAsyncStreamReader<ConsumeRequest> requestStream, IServerStreamWriter<ConsumeResponse> responseStream, ServerCallContext context);

    public abstract Task<GetResponse> Get(GetRequest request, ServerCallContext context);

    public abstract Task<BrowseResponse> Browse(BrowseRequest request, ServerCallContext context);

    public abstract Task<MoveResponse> Move(MoveRequest request, ServerCallContext context);
}

/// <summary>Tells ASP.NET Core the methods of <see cref="MessagingBase"/>; it makes the handlers itself.</summary>
internal static class MessagingBinding
{
    /// <summary>For the reflection service.</summary>
    public static ServiceDescriptor Descriptor => Messaging.Descriptor;

    /// <param name="service">Null: methods are bound, not an object.</param>
    public static void BindService(ServiceBinderBase binder, MessagingBase? service)
    {
        if (service is not null)
        {
            throw new NotSupportedException("Only servers that find the methods by their names are supported.");
        }

        Messaging.BindService(new Binder(new CheckedBinder(binder)), null);
    }

    private sealed class Binder(ServiceBinderBase binder) : ServiceBinderBase
    {
        public override void AddMethod<TRequest, TResponse>(Method<TRequest, TResponse> method, UnaryServerMethod<TRequest, TResponse>? handler) =>
            binder.AddMethod(method, handler);

        public override void AddMethod<TRequest, TResponse>(Method<TRequest, TResponse> method, DuplexStreamingServerMethod<TRequest, TResponse>? handler)
        {
            if (method is Method<PublishStreamRequest, PublishStreamResponse> generated)
            {
                var raw = new Method<PublishStreamPayload, PublishStreamResponse>(
                    generated.Type, generated.ServiceName, generated.Name, PublishStreamPayload.Marshaller, generated.ResponseMarshaller);
                binder.AddMethod(raw, (DuplexStreamingServerMethod<PublishStreamPayload, PublishStreamResponse>?)null);
            }
            else
            {
                binder.AddMethod(method, handler);
            }
        }
    }
}
