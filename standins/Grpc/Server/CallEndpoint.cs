using Grpc.Core;
using Grpc.Protocol;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Http.Features;

namespace Grpc.AspNetCore.Server;

/// <summary>What the four call shapes share: checks of the request, deadline, service instance, and the status at the end.</summary>
internal abstract class CallEndpoint<TService, TRequest, TResponse>(ServiceEndpointEnvironment environment, Method<TRequest, TResponse> method)
    where TService : class
    where TRequest : class
    where TResponse : class
{
    public async Task HandleAsync(HttpContext http)
    {
        if (!TryAccept(http))
        {
            return;
        }

        var call = new HttpServerCallContext(http, method, environment.Logger);
        Status status;
        Metadata? trailers = null;
        try
        {
            if (CallTimeout.TryParse(http.Request.Headers[GrpcHeaders.Timeout], out var timeout))
            {
                call.StartDeadline(timeout);
            }

            await InvokeAsync(call).ConfigureAwait(false);
            status = call.Status;
        }
        catch (RpcException exception)
        {
            GrpcServerLog.StatusRaised(environment.Logger, method.FullName, exception.StatusCode, exception.Status.Detail);
            (status, trailers) = (exception.Status, exception.Trailers);
        }
        catch (Exception exception) when (http.RequestAborted.IsCancellationRequested || call.DeadlineExceeded)
        {
            // Nobody listens any more; whatever the handler threw comes from that.
            GrpcServerLog.CallEnded(environment.Logger, method.FullName, exception.Message);
            status = Status.DefaultCancelled;
        }
        catch (Exception exception)
        {
            GrpcServerLog.HandlerFailed(environment.Logger, method.FullName, exception);
            var detail = environment.Options.EnableDetailedErrors == true
                ? $"Exception was thrown by handler. {exception.GetType().Name}: {exception.Message}"
                : "Exception was thrown by handler.";
            status = new Status(StatusCode.Unknown, detail, exception);
        }

        await call.EndAsync(status, trailers).ConfigureAwait(false);
    }

    protected abstract Task CallAsync(TService service, HttpServerCallContext call);

    protected ServerStreamReader<TRequest> RequestStream(HttpServerCallContext call)
        => new(call, Reader(call));

    protected ServerStreamWriter<TResponse> ResponseStream(HttpServerCallContext call)
        => new(call, new MessageWriter<TResponse>(call.Http.Response.BodyWriter, method.ResponseMarshaller, environment.Options.MaxSendMessageSize));

    protected async ValueTask<TRequest> ReadSingleAsync(HttpServerCallContext call)
    {
        var reader = Reader(call);
        if (!await reader.ReadAsync(call.CancellationToken).ConfigureAwait(false))
        {
            throw new RpcException(new Status(StatusCode.Internal, "Incomplete message."));
        }

        var request = reader.Current!;
        return await reader.ReadAsync(call.CancellationToken).ConfigureAwait(false)
            ? throw new RpcException(new Status(StatusCode.Internal, "Additional data after the message received."))
            : request;
    }

    /// <summary>Leaves the flush to the end of the request, so that headers, message and trailers leave together.</summary>
    protected void WriteSingle(HttpServerCallContext call, TResponse? response)
    {
        if (response is null)
        {
            throw new RpcException(new Status(StatusCode.Cancelled, "No message returned from method."));
        }

        var writer = new MessageWriter<TResponse>(call.Http.Response.BodyWriter, method.ResponseMarshaller, environment.Options.MaxSendMessageSize);
        lock (call.Gate)
        {
            if (!call.Ended && call.Status.StatusCode == StatusCode.OK)
            {
                writer.Write(response);
                call.Started = true;
            }
        }
    }

    private static bool TryAccept(HttpContext http)
    {
        if (!HttpProtocol.IsHttp2(http.Request.Protocol) && !HttpProtocol.IsHttp3(http.Request.Protocol))
        {
            UnknownCall.Refuse(http, new Status(StatusCode.Internal, $"Request protocol '{http.Request.Protocol}' is not supported."),
                StatusCodes.Status426UpgradeRequired);
            http.Response.Headers.Upgrade = "h2c";
            return false;
        }

        if (!GrpcHeaders.IsGrpc(http.Request.ContentType))
        {
            UnknownCall.Refuse(http, new Status(StatusCode.Internal, $"Content-Type '{http.Request.ContentType}' is not supported."),
                StatusCodes.Status415UnsupportedMediaType);
            return false;
        }

        http.Response.ContentType = GrpcHeaders.ContentType;
        // A stream may be idle, and carry any amount.
        if (http.Features.Get<IHttpMaxRequestBodySizeFeature>() is { IsReadOnly: false } size)
        {
            size.MaxRequestBodySize = null;
        }

        if (http.Features.Get<Microsoft.AspNetCore.Server.Kestrel.Core.Features.IHttpMinRequestBodyDataRateFeature>() is { } rate)
        {
            rate.MinDataRate = null;
        }

        return true;
    }

    private MessageReader<TRequest> Reader(HttpServerCallContext call)
        => new(call.Http.Request.BodyReader, method.RequestMarshaller, environment.Options.MaxReceiveMessageSize, new RequestCompression(call.Http).Open);

    private async ValueTask InvokeAsync(HttpServerCallContext call)
    {
        var (instance, owned) = environment.Resolve(call.Http.RequestServices);
        try
        {
            await CallAsync((TService)instance, call).ConfigureAwait(false);
        }
        finally
        {
            if (owned && instance is IAsyncDisposable asyncDisposable)
            {
                await asyncDisposable.DisposeAsync().ConfigureAwait(false);
            }
            else if (owned && instance is IDisposable disposable)
            {
                disposable.Dispose();
            }
        }
    }
}
