using Grpc.Core;
using Grpc.Protocol;

namespace Grpc.Net.Client;

/// <summary>The requests of a stream.</summary>
internal sealed class ClientStreamWriter<TRequest, TResponse>(
    HttpClientCall<TRequest, TResponse> call, StreamingRequestContent content, Marshaller<TRequest> marshaller, int? limit) : IClientStreamWriter<TRequest>
    where TRequest : class
    where TResponse : class
{
    private MessageWriter<TRequest>? _writer;
    private int _writing;
    private bool _complete;

    public WriteOptions? WriteOptions { get; set; }

    public Task WriteAsync(TRequest message) => WriteAsync(message, CancellationToken.None);

    public async Task WriteAsync(TRequest message, CancellationToken cancellationToken)
    {
        ArgumentNullException.ThrowIfNull(message);
        if (_complete)
        {
            throw new InvalidOperationException("Can't write the message because the client stream writer is complete.");
        }

        if (Interlocked.Exchange(ref _writing, 1) == 1)
        {
            throw new InvalidOperationException("Can't write the message because the previous write is in progress.");
        }

        try
        {
            var output = await content.Output.WaitAsync(cancellationToken).ConfigureAwait(false);
            (_writer ??= new MessageWriter<TRequest>(output, marshaller, limit)).Write(message);
            if ((WriteOptions?.Flags & WriteFlags.BufferHint) != WriteFlags.BufferHint)
            {
                await output.FlushAsync(cancellationToken).ConfigureAwait(false);
            }
        }
        catch (Exception exception) when (exception is ObjectDisposedException or not (RpcException or InvalidOperationException))
        {
            throw cancellationToken.IsCancellationRequested ? call.Cancel() : await call.FailAsync(exception).ConfigureAwait(false);
        }
        finally
        {
            Volatile.Write(ref _writing, 0);
        }
    }

    public async Task CompleteAsync()
    {
        if (Volatile.Read(ref _writing) == 1)
        {
            throw new InvalidOperationException("Can't complete the client stream writer because the previous write is in progress.");
        }

        _complete = true;
        try
        {
            // What a buffer hint held back goes first; a request without messages still needs its stream.
            await (await content.Output.ConfigureAwait(false)).FlushAsync().ConfigureAwait(false);
        }
        catch (Exception exception) when (exception is IOException or HttpRequestException or OperationCanceledException or ObjectDisposedException)
        {
            // The call ended first. Its status tells why, wherever the response is read.
            await call.FailAsync(exception).ConfigureAwait(false);
        }

        content.End();
    }
}
