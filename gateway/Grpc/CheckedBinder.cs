using Google.Protobuf;
using Granary.Gateway.Grpc.Access;
using Grpc.Core;

namespace Granary.Gateway.Grpc;

/// <summary>
/// Hands methods on with their requests read so that one that is no protobuf message is its client's mistake. A request is read before anything of the server's own is
/// called, so that neither an interceptor nor the method sees what is malformed: what reads it is the one place to say so.
/// </summary>
internal sealed class CheckedBinder(ServiceBinderBase binder) : ServiceBinderBase
{
    public override void AddMethod<TRequest, TResponse>(Method<TRequest, TResponse> method, UnaryServerMethod<TRequest, TResponse>? handler) =>
        binder.AddMethod(Checked(method), handler);

    public override void AddMethod<TRequest, TResponse>(Method<TRequest, TResponse> method, DuplexStreamingServerMethod<TRequest, TResponse>? handler) =>
        binder.AddMethod(Checked(method), handler);

    private static Method<TRequest, TResponse> Checked<TRequest, TResponse>(Method<TRequest, TResponse> method)
        where TRequest : class
        where TResponse : class
    {
        var read = method.RequestMarshaller.ContextualDeserializer;
        var requests = Marshallers.Create<TRequest>(method.RequestMarshaller.ContextualSerializer, context =>
        {
            try
            {
                return read(context);
            }
            catch (InvalidProtocolBufferException exception)
            {
                throw CallErrors.Malformed(exception.Message);
            }
        });
        return new Method<TRequest, TResponse>(method.Type, method.ServiceName, method.Name, requests, method.ResponseMarshaller);
    }
}
