using System.IO.Pipelines;
using Grpc.Core;
using Grpc.Protocol;

namespace Grpc.AspNetCore.Server;

/// <summary>The responses of a stream, written straight into the connection's pipe.</summary>
internal sealed class ServerStreamWriter<T>(HttpServerCallContext call, MessageWriter<T> writer) : IServerStreamWriter<T>
    where T : class
{
    private bool _writing;

    public WriteOptions? WriteOptions { get; set; }

    public Task WriteAsync(T message) => WriteAsync(message, CancellationToken.None);

    public Task WriteAsync(T message, CancellationToken cancellationToken)
    {
        ArgumentNullException.ThrowIfNull(message);
        if (cancellationToken.IsCancellationRequested)
        {
            return Task.FromCanceled(cancellationToken);
        }

        lock (call.Gate)
        {
            if (call.Ended || call.Http.RequestAborted.IsCancellationRequested)
            {
                return Task.FromException(new InvalidOperationException("Can't write the message because the request is complete."));
            }

            if (_writing)
            {
                return Task.FromException(new InvalidOperationException("Can't write the message because the previous write is in progress."));
            }

            try
            {
                writer.Write(message);
            }
            catch (RpcException exception)
            {
                return Task.FromException(exception);
            }

            call.Started = true;
            if (((WriteOptions ?? call.WriteOptions)?.Flags & WriteFlags.BufferHint) == WriteFlags.BufferHint)
            {
                return Task.CompletedTask;
            }

            _writing = true;
        }

        ValueTask<FlushResult> flush;
        try
        {
            flush = call.Http.Response.BodyWriter.FlushAsync(cancellationToken);
        }
        catch
        {
            _writing = false;
            throw;
        }

        if (flush.IsCompletedSuccessfully)
        {
            _writing = false;
            return call.CancellationToken.IsCancellationRequested && flush.Result.IsCompleted
                ? Task.FromCanceled(call.CancellationToken)
                : Task.CompletedTask;
        }

        return FinishAsync(flush, cancellationToken);
    }

    private async Task FinishAsync(ValueTask<FlushResult> flush, CancellationToken cancellationToken)
    {
        try
        {
            var result = await flush.ConfigureAwait(false);
            if (result.IsCompleted)
            {
                call.CancellationToken.ThrowIfCancellationRequested();
            }
        }
        catch (OperationCanceledException) when (cancellationToken.IsCancellationRequested)
        {
            // The message is half on its way: the call cannot go on.
            call.Http.Abort();
            throw;
        }
        finally
        {
            _writing = false;
        }
    }
}
