using System.IO.Pipelines;
using System.Net;
using System.Net.Http.Headers;
using Grpc.Core;
using Grpc.Protocol;

namespace Grpc.Net.Client;

/// <summary>A request of one message.</summary>
internal sealed class SingleRequestContent<T> : HttpContent
    where T : class
{
    private readonly T _message;
    private readonly Marshaller<T> _marshaller;
    private readonly int? _limit;

    public SingleRequestContent(T message, Marshaller<T> marshaller, int? limit)
    {
        (_message, _marshaller, _limit) = (message, marshaller, limit);
        Headers.ContentType = new MediaTypeHeaderValue(GrpcHeaders.ContentType);
    }

    protected override async Task SerializeToStreamAsync(Stream stream, TransportContext? context)
    {
        var pipe = PipeWriter.Create(stream, new StreamPipeWriterOptions(leaveOpen: true));
        new MessageWriter<T>(pipe, _marshaller, _limit).Write(_message);
        await pipe.CompleteAsync().ConfigureAwait(false);
    }

    protected override bool TryComputeLength(out long length)
    {
        length = 0;
        return false;
    }
}

/// <summary>A request that is written to while it is under way.</summary>
internal sealed class StreamingRequestContent : HttpContent
{
    private readonly TaskCompletionSource<PipeWriter> _output = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private readonly TaskCompletionSource _end = new(TaskCreationOptions.RunContinuationsAsynchronously);

    public StreamingRequestContent()
    {
        Headers.ContentType = new MediaTypeHeaderValue(GrpcHeaders.ContentType);
    }

    /// <summary>Where messages go, once the request has a stream; cancelled if it never gets one.</summary>
    public Task<PipeWriter> Output => _output.Task;

    /// <summary>No message follows.</summary>
    public void End()
    {
        _output.TrySetCanceled();
        _end.TrySetResult();
    }

    /// <summary>The call is given up: the request must end with a reset, for a server takes an orderly end for the last message.</summary>
    public void Abort()
    {
        _output.TrySetCanceled();
        _end.TrySetCanceled();
    }

    protected override async Task SerializeToStreamAsync(Stream stream, TransportContext? context)
    {
        // The headers leave now, not with the first message: a server may speak first.
        await stream.FlushAsync().ConfigureAwait(false);
        _output.TrySetResult(PipeWriter.Create(stream, new StreamPipeWriterOptions(leaveOpen: true)));
        await _end.Task.ConfigureAwait(false);
    }

    protected override bool TryComputeLength(out long length)
    {
        length = 0;
        return false;
    }
}
