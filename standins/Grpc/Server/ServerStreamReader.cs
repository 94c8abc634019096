using Grpc.Core;
using Grpc.Protocol;

namespace Grpc.AspNetCore.Server;

/// <summary>The requests of a stream.</summary>
/// <remarks>As with the original, a client that goes away ends a read with an IOException, or a cancellation if the call's token was given.</remarks>
internal sealed class ServerStreamReader<T>(HttpServerCallContext call, MessageReader<T> reader) : IAsyncStreamReader<T>
    where T : class
{
    private static readonly Task<bool> True = Task.FromResult(true);
    private static readonly Task<bool> False = Task.FromResult(false);

    private int _reading;

    public T Current => reader.Current ?? throw new InvalidOperationException("Call MoveNext first.");

    public Task<bool> MoveNext(CancellationToken cancellationToken)
    {
        if (cancellationToken.IsCancellationRequested)
        {
            return Task.FromCanceled<bool>(cancellationToken);
        }

        if (call.Ended || call.Http.RequestAborted.IsCancellationRequested)
        {
            return Task.FromException<bool>(new InvalidOperationException("Can't read messages after the request is complete."));
        }

        if (Interlocked.Exchange(ref _reading, 1) == 1)
        {
            return Task.FromException<bool>(new InvalidOperationException("Can't read the next message because the previous read is still in progress."));
        }

        ValueTask<bool> read;
        try
        {
            read = reader.ReadAsync(cancellationToken);
        }
        catch (Exception exception)
        {
            Volatile.Write(ref _reading, 0);
            return Task.FromException<bool>(exception);
        }

        if (read.IsCompletedSuccessfully)
        {
            Volatile.Write(ref _reading, 0);
            return read.Result ? True : False;
        }

        return FinishAsync(read);
    }

    private async Task<bool> FinishAsync(ValueTask<bool> read)
    {
        try
        {
            return await read.ConfigureAwait(false);
        }
        finally
        {
            Volatile.Write(ref _reading, 0);
        }
    }
}
