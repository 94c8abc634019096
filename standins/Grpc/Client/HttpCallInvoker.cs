using Grpc.Core;

namespace Grpc.Net.Client;

/// <summary>Starts calls as HTTP/2 requests of a channel.</summary>
internal sealed class HttpCallInvoker(GrpcChannel channel) : CallInvoker
{
    public override TResponse BlockingUnaryCall<TRequest, TResponse>(Method<TRequest, TResponse> method, string? host, CallOptions options, TRequest request)
    {
        using var call = AsyncUnaryCall(method, host, options, request);
        return call.ResponseAsync.GetAwaiter().GetResult();
    }

    public override AsyncUnaryCall<TResponse> AsyncUnaryCall<TRequest, TResponse>(
        Method<TRequest, TResponse> method, string? host, CallOptions options, TRequest request)
    {
        var call = new HttpClientCall<TRequest, TResponse>(channel, method, options);
        call.Start(new SingleRequestContent<TRequest>(request, method.RequestMarshaller, channel.Options.MaxSendMessageSize));
        return new AsyncUnaryCall<TResponse>(call.ReadSingleAsync(), call.ResponseHeaders, call.GetStatus, call.GetTrailers, call.Dispose);
    }

    public override AsyncServerStreamingCall<TResponse> AsyncServerStreamingCall<TRequest, TResponse>(
        Method<TRequest, TResponse> method, string? host, CallOptions options, TRequest request)
    {
        var call = new HttpClientCall<TRequest, TResponse>(channel, method, options);
        call.Start(new SingleRequestContent<TRequest>(request, method.RequestMarshaller, channel.Options.MaxSendMessageSize));
        return new AsyncServerStreamingCall<TResponse>(
            new ClientStreamReader<TRequest, TResponse>(call), call.ResponseHeaders, call.GetStatus, call.GetTrailers, call.Dispose);
    }

    public override AsyncClientStreamingCall<TRequest, TResponse> AsyncClientStreamingCall<TRequest, TResponse>(
        Method<TRequest, TResponse> method, string? host, CallOptions options)
    {
        var call = new HttpClientCall<TRequest, TResponse>(channel, method, options);
        var requests = StartStream(call, method, options);
        return new AsyncClientStreamingCall<TRequest, TResponse>(
            requests, call.ReadSingleAsync(), call.ResponseHeaders, call.GetStatus, call.GetTrailers, call.Dispose);
    }

    public override AsyncDuplexStreamingCall<TRequest, TResponse> AsyncDuplexStreamingCall<TRequest, TResponse>(
        Method<TRequest, TResponse> method, string? host, CallOptions options)
    {
        var call = new HttpClientCall<TRequest, TResponse>(channel, method, options);
        var requests = StartStream(call, method, options);
        return new AsyncDuplexStreamingCall<TRequest, TResponse>(
            requests, new ClientStreamReader<TRequest, TResponse>(call), call.ResponseHeaders, call.GetStatus, call.GetTrailers, call.Dispose);
    }

    private ClientStreamWriter<TRequest, TResponse> StartStream<TRequest, TResponse>(
        HttpClientCall<TRequest, TResponse> call, Method<TRequest, TResponse> method, CallOptions options)
        where TRequest : class
        where TResponse : class
    {
        var content = new StreamingRequestContent();
        call.Start(content);
        return new ClientStreamWriter<TRequest, TResponse>(call, content, method.RequestMarshaller, channel.Options.MaxSendMessageSize)
        {
            WriteOptions = options.WriteOptions,
        };
    }
}
