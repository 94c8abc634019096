using Grpc.Core;

namespace Grpc.AspNetCore.Server;

/// <summary>One message in, one out.</summary>
internal sealed class UnaryEndpoint<TService, TRequest, TResponse>(
    ServiceEndpointEnvironment environment, Method<TRequest, TResponse> method, Func<TService, TRequest, ServerCallContext, Task<TResponse>> invoke)
    : CallEndpoint<TService, TRequest, TResponse>(environment, method)
    where TService : class
    where TRequest : class
    where TResponse : class
{
    protected override async Task CallAsync(TService service, HttpServerCallContext call)
    {
        var request = await ReadSingleAsync(call).ConfigureAwait(false);
        WriteSingle(call, await invoke(service, request, call).ConfigureAwait(false));
    }
}

/// <summary>A stream in, one message out.</summary>
internal sealed class ClientStreamingEndpoint<TService, TRequest, TResponse>(
    ServiceEndpointEnvironment environment,
    Method<TRequest, TResponse> method,
    Func<TService, IAsyncStreamReader<TRequest>, ServerCallContext, Task<TResponse>> invoke)
    : CallEndpoint<TService, TRequest, TResponse>(environment, method)
    where TService : class
    where TRequest : class
    where TResponse : class
{
    protected override async Task CallAsync(TService service, HttpServerCallContext call)
        => WriteSingle(call, await invoke(service, RequestStream(call), call).ConfigureAwait(false));
}

/// <summary>One message in, a stream out.</summary>
internal sealed class ServerStreamingEndpoint<TService, TRequest, TResponse>(
    ServiceEndpointEnvironment environment,
    Method<TRequest, TResponse> method,
    Func<TService, TRequest, IServerStreamWriter<TResponse>, ServerCallContext, Task> invoke)
    : CallEndpoint<TService, TRequest, TResponse>(environment, method)
    where TService : class
    where TRequest : class
    where TResponse : class
{
    protected override async Task CallAsync(TService service, HttpServerCallContext call)
    {
        var request = await ReadSingleAsync(call).ConfigureAwait(false);
        await invoke(service, request, ResponseStream(call), call).ConfigureAwait(false);
    }
}

/// <summary>A stream in, a stream out.</summary>
internal sealed class DuplexStreamingEndpoint<TService, TRequest, TResponse>(
    ServiceEndpointEnvironment environment,
    Method<TRequest, TResponse> method,
    Func<TService, IAsyncStreamReader<TRequest>, IServerStreamWriter<TResponse>, ServerCallContext, Task> invoke)
    : CallEndpoint<TService, TRequest, TResponse>(environment, method)
    where TService : class
    where TRequest : class
    where TResponse : class
{
    protected override Task CallAsync(TService service, HttpServerCallContext call) => invoke(service, RequestStream(call), ResponseStream(call), call);
}
