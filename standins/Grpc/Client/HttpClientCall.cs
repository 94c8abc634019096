using System.IO.Pipelines;
using System.Net;
using Grpc.Core;
using Grpc.Protocol;

namespace Grpc.Net.Client;

/// <summary>One call: request, response, and the one status it ends with, whoever finds it first.</summary>
internal sealed class HttpClientCall<TRequest, TResponse> : IDisposable
    where TRequest : class
    where TResponse : class
{
    private readonly GrpcChannel _channel;
    private readonly Method<TRequest, TResponse> _method;
    private readonly CallOptions _options;
    private readonly CancellationTokenSource _cancellation = new();
    private readonly TaskCompletionSource<Metadata> _headers = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private readonly Lock _gate = new();
    private CancellationTokenRegistration _registration;
    private Timer? _deadline;
    private Task<MessageReader<TResponse>?>? _response;
    private HttpResponseMessage? _message;
    private StreamingRequestContent? _requests;

    /// <summary>Set once, under the gate.</summary>
    private Outcome? _outcome;

    public HttpClientCall(GrpcChannel channel, Method<TRequest, TResponse> method, CallOptions options)
    {
        (_channel, _method, _options) = (channel, method, options);
    }

    public Task<Metadata> ResponseHeaders => _headers.Task;

    public TResponse? Current { get; private set; }

    public void Start(HttpContent content)
    {
        _requests = content as StreamingRequestContent;
        var request = new HttpRequestMessage(HttpMethod.Post, new Uri(_channel.Address, _method.FullName))
        {
            Version = HttpVersion.Version20,
            VersionPolicy = HttpVersionPolicy.RequestVersionExact,
            Content = content,
        };
        request.Headers.TE.ParseAdd("trailers");
        request.Headers.TryAddWithoutValidation("user-agent", "grpc-dotnet-standin");
        request.Headers.TryAddWithoutValidation(GrpcHeaders.AcceptEncoding, GrpcHeaders.Identity);
        foreach (var entry in _options.Headers ?? Metadata.Empty)
        {
            request.Headers.TryAddWithoutValidation(entry.Key, MetadataText.Format(entry));
        }

        if (_options.Deadline is { } deadline && deadline != DateTime.MaxValue)
        {
            var left = deadline.ToUniversalTime() - DateTime.UtcNow;
            if (left <= TimeSpan.Zero)
            {
                End(DeadlineExceeded());
            }
            else
            {
                request.Headers.TryAddWithoutValidation(GrpcHeaders.Timeout, CallTimeout.Format(left));
                var due = TimeSpan.FromMilliseconds(Math.Min(left.TotalMilliseconds, uint.MaxValue - 1));
                _deadline = new Timer(state => ((HttpClientCall<TRequest, TResponse>)state!).End(DeadlineExceeded()), this, due, Timeout.InfiniteTimeSpan);
            }
        }

        _registration = _options.CancellationToken.UnsafeRegister(static state => ((HttpClientCall<TRequest, TResponse>)state!).Cancel(), this);
        _response = SendAsync(request);
        if (Volatile.Read(ref _outcome) is not null)
        {
            // It ended before it began: what End() releases may have been made after it.
            Release();
        }
    }

    /// <summary>The next response; false at the end of a stream that ended with OK.</summary>
    public async ValueTask<bool> ReadAsync()
    {
        try
        {
            if (await _response!.ConfigureAwait(false) is not { } reader)
            {
                return Volatile.Read(ref _outcome)!.Status.StatusCode == StatusCode.OK ? false : throw Error();
            }

            if (await reader.ReadAsync(_cancellation.Token).ConfigureAwait(false))
            {
                Current = reader.Current;
                return true;
            }

            End(Trailers());
        }
        catch (RpcException exception) when (Volatile.Read(ref _outcome) is null)
        {
            // Found here (a message too large, say), not told by the server.
            End(new Outcome(exception.Status, []));
        }
        catch (Exception exception) when (exception is not RpcException)
        {
            End(new Outcome(ResponseStatus.FromException(exception), []));
        }

        return Volatile.Read(ref _outcome)!.Status.StatusCode == StatusCode.OK ? false : throw Error();
    }

    public async Task<TResponse> ReadSingleAsync()
    {
        if (!await ReadAsync().ConfigureAwait(false))
        {
            throw new RpcException(new Status(StatusCode.Internal, "Failed to deserialize response message."));
        }

        var response = Current!;
        return await ReadAsync().ConfigureAwait(false)
            ? throw new RpcException(new Status(StatusCode.Internal, "Unexpected second response message."))
            : response;
    }

    public Status GetStatus()
        => Volatile.Read(ref _outcome)?.Status ?? throw new InvalidOperationException("Unable to get the status because the call is not complete.");

    public Metadata GetTrailers()
        => Volatile.Read(ref _outcome)?.Trailers ?? throw new InvalidOperationException("Can't get the call trailers because the call has not completed successfully.");

    public RpcException Cancel()
    {
        End(new Outcome(new Status(StatusCode.Cancelled, "Call canceled by the client."), []));
        return Error();
    }

    /// <summary>A write failed. The response usually says why, so it has a moment to arrive.</summary>
    public async ValueTask<RpcException> FailAsync(Exception exception)
    {
        if (Volatile.Read(ref _outcome) is null && await _response!.ConfigureAwait(false) is not null && Volatile.Read(ref _outcome) is null)
        {
            End(new Outcome(ResponseStatus.FromException(exception), []));
        }

        return Error();
    }

    public void Dispose() => End(new Outcome(new Status(StatusCode.Cancelled, "gRPC call disposed."), []));

    private static Outcome DeadlineExceeded() => new(new Status(StatusCode.DeadlineExceeded, "Deadline Exceeded"), []);

    /// <summary>Null if the call ended without a body.</summary>
    private async Task<MessageReader<TResponse>?> SendAsync(HttpRequestMessage request)
    {
        try
        {
            var response = await SendAsync(request, _cancellation.Token).ConfigureAwait(false);
            Volatile.Write(ref _message, response);
            if (Volatile.Read(ref _outcome) is not null)
            {
                response.Dispose();
                return null;
            }

            if (ResponseStatus.Refusal(response) is { } refusal && !ResponseStatus.TryRead(response.Headers, out _))
            {
                End(new Outcome(refusal, []));
                return null;
            }

            if (ResponseStatus.TryRead(response.Headers, out var status))
            {
                End(new Outcome(status, ResponseStatus.ToMetadata(response.Headers), Answered: true));
                return null;
            }

            _headers.TrySetResult(ResponseStatus.ToMetadata(response.Headers));
            var body = await response.Content.ReadAsStreamAsync(_cancellation.Token).ConfigureAwait(false);
            return new MessageReader<TResponse>(PipeReader.Create(body), _method.ResponseMarshaller, _channel.Options.MaxReceiveMessageSize);
        }
        catch (RpcException exception)
        {
            End(new Outcome(exception.Status, []));
            return null;
        }
        catch (Exception exception)
        {
            End(new Outcome(RpcCause(exception) ?? ResponseStatus.FromException(exception), []));
            return null;
        }
    }

    private Task<HttpResponseMessage> SendAsync(HttpRequestMessage request, CancellationToken cancellationToken)
        => _channel.Invoker is HttpClient client
            ? client.SendAsync(request, HttpCompletionOption.ResponseHeadersRead, cancellationToken)
            : _channel.Invoker.SendAsync(request, cancellationToken);

    /// <summary>A message too large to send is found while HTTP asks for the content.</summary>
    private static Status? RpcCause(Exception exception)
    {
        for (var cause = exception; cause is not null; cause = cause.InnerException)
        {
            if (cause is RpcException found)
            {
                return found.Status;
            }
        }

        return null;
    }

    private Outcome Trailers()
    {
        var fields = _message!.TrailingHeaders;
        return ResponseStatus.TryRead(fields, out var status)
            ? new Outcome(status, ResponseStatus.ToMetadata(fields), Answered: true)
            : new Outcome(new Status(StatusCode.Cancelled, "No grpc-status found on response."), []);
    }

    private RpcException Error()
    {
        var outcome = Volatile.Read(ref _outcome)!;
        return new RpcException(outcome.Status, outcome.Trailers);
    }

    private void End(Outcome outcome)
    {
        lock (_gate)
        {
            if (_outcome is not null)
            {
                return;
            }

            _outcome = outcome;
        }

        if (outcome.Answered)
        {
            _headers.TrySetResult(outcome.Trailers);
        }
        else if (_headers.TrySetException(Error()))
        {
            // Few callers look at the headers.
            _ = _headers.Task.Exception;
        }

        Release();
    }

    /// <summary>Resets the stream unless the server ended it; only then may the request seem complete.</summary>
    private void Release()
    {
        _deadline?.Dispose();
        _registration.Unregister();
        if (Volatile.Read(ref _outcome)!.Answered)
        {
            _requests?.End();
            return;
        }

        _cancellation.Cancel();
        Volatile.Read(ref _message)?.Dispose();
        _requests?.Abort();
    }

    /// <summary>Answered: the server said so, rather than this side.</summary>
    private sealed record Outcome(Status Status, Metadata Trailers, bool Answered = false);
}
