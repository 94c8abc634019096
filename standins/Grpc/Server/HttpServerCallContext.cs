using System.Net;
using System.Net.Sockets;
using Grpc.Core;
using Grpc.Protocol;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Http.Features;
using Microsoft.Extensions.Logging;

namespace Grpc.AspNetCore.Server;

/// <summary>A call on an HTTP/2 request.</summary>
/// <remarks>The deadline fires on a thread of its own: what it shares with the handler's writes is guarded by <see cref="Gate"/>.</remarks>
internal sealed class HttpServerCallContext(HttpContext http, IMethod method, ILogger logger) : ServerCallContext
{
    private Metadata? _requestHeaders;
    private Metadata? _responseTrailers;
    private AuthContext? _authContext;
    private DateTime _deadline = DateTime.MaxValue;
    private CancellationTokenSource? _cancellation;
    private Timer? _timer;
    private Task? _deadlineAnswer;
    private bool _headersWritten;

    public HttpContext Http => http;

    public Lock Gate { get; } = new();

    /// <summary>The status is on its way: nothing can be written any more. Guarded by the gate.</summary>
    public bool Ended { get; private set; }

    /// <summary>The response has begun, or is about to. Guarded by the gate.</summary>
    public bool Started { get; set; }

    public bool DeadlineExceeded { get; private set; }

    protected override string MethodCore => method.FullName;

    protected override string HostCore => http.Request.Host.Value ?? "";

    protected override string PeerCore => http.Connection.RemoteIpAddress switch
    {
        null => "unknown",
        { AddressFamily: AddressFamily.InterNetworkV6 } address => $"ipv6:{new IPEndPoint(address, http.Connection.RemotePort)}",
        var address => $"ipv4:{address}:{http.Connection.RemotePort}",
    };

    protected override DateTime DeadlineCore => _deadline;

    protected override Metadata RequestHeadersCore => _requestHeaders ??= ReadHeaders();

    protected override CancellationToken CancellationTokenCore => _cancellation?.Token ?? http.RequestAborted;

    protected override Metadata ResponseTrailersCore => _responseTrailers ??= [];

    protected override Status StatusCore { get; set; }

    protected override WriteOptions? WriteOptionsCore { get; set; }

    protected override AuthContext AuthContextCore => _authContext ??= new AuthContext(null, []);

    public void StartDeadline(TimeSpan timeout)
    {
        // What a timer cannot hold (49 days) is as good as none.
        if (timeout.TotalMilliseconds >= uint.MaxValue - 1)
        {
            return;
        }

        _deadline = DateTime.UtcNow + timeout;
        _cancellation = CancellationTokenSource.CreateLinkedTokenSource(http.RequestAborted);
        _timer = new Timer(static state => ((HttpServerCallContext)state!).OnDeadline(), this, timeout, Timeout.InfiniteTimeSpan);
    }

    /// <summary>Puts the status in place; the response is sent when the request delegate returns.</summary>
    public async ValueTask EndAsync(Status status, Metadata? trailers)
    {
        lock (Gate)
        {
            End(status, trailers);
        }

        if (_timer is not null)
        {
            await _timer.DisposeAsync().ConfigureAwait(false);
            if (_deadlineAnswer is not null)
            {
                await _deadlineAnswer.ConfigureAwait(false);
            }

            _cancellation!.Dispose();
        }
    }

    protected override async Task WriteResponseHeadersAsyncCore(Metadata responseHeaders)
    {
        ArgumentNullException.ThrowIfNull(responseHeaders);
        lock (Gate)
        {
            if (Started || Ended || _headersWritten)
            {
                throw new InvalidOperationException("Response headers can only be sent once per call.");
            }

            _headersWritten = true;
            Started = true;
            CallEnd.Append(http.Response.Headers, responseHeaders);
        }

        await http.Response.BodyWriter.FlushAsync().ConfigureAwait(false);
    }

    protected override ContextPropagationToken CreatePropagationTokenCore(ContextPropagationOptions? options)
        => throw new NotImplementedException("Contexts cannot be propagated.");

    private bool End(Status status, Metadata? trailers)
    {
        if (Ended)
        {
            return false;
        }

        Ended = true;
        var response = http.Response;
        var fields = Started || response.HasStarted
            ? http.Features.GetRequiredFeature<IHttpResponseTrailersFeature>().Trailers
            : response.Headers;
        CallEnd.WriteTo(fields, status, _responseTrailers);
        if (trailers is not null)
        {
            CallEnd.Append(fields, trailers);
        }

        return true;
    }

    private void OnDeadline()
    {
        lock (Gate)
        {
            if (!End(new Status(StatusCode.DeadlineExceeded, "Deadline Exceeded"), null))
            {
                return;
            }

            DeadlineExceeded = true;
            _deadlineAnswer = AnswerDeadlineAsync();
        }
    }

    /// <summary>The client gets its status now, even if the handler does not heed the token.</summary>
    private async Task AnswerDeadlineAsync()
    {
        await Task.Yield();
        try
        {
            await http.Response.CompleteAsync().ConfigureAwait(false);
            await _cancellation!.CancelAsync().ConfigureAwait(false);
        }
        catch (Exception exception)
        {
            GrpcServerLog.CompletionFailed(logger, method.FullName, exception);
        }
    }

    private Metadata ReadHeaders()
    {
        var metadata = new Metadata();
        foreach (var (name, values) in http.Request.Headers)
        {
            if (!GrpcHeaders.IsReserved(name))
            {
                foreach (var value in values)
                {
                    MetadataText.Add(metadata, name, value ?? "");
                }
            }
        }

        return metadata;
    }
}
