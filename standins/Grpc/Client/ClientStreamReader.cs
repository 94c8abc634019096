using Grpc.Core;

namespace Grpc.Net.Client;

/// <summary>The responses of a stream.</summary>
internal sealed class ClientStreamReader<TRequest, TResponse>(HttpClientCall<TRequest, TResponse> call) : IAsyncStreamReader<TResponse>
    where TRequest : class
    where TResponse : class
{
    private int _reading;

    public TResponse Current => call.Current ?? throw new InvalidOperationException("Call MoveNext first.");

    public async Task<bool> MoveNext(CancellationToken cancellationToken)
    {
        cancellationToken.ThrowIfCancellationRequested();
        if (Interlocked.Exchange(ref _reading, 1) == 1)
        {
            throw new InvalidOperationException("Can't read the next message because the previous read is still in progress.");
        }

        try
        {
            // A cancelled read cancels the call: the stream cannot be resumed within a message.
            using var registration = cancellationToken.UnsafeRegister(state => ((HttpClientCall<TRequest, TResponse>)state!).Cancel(), call);
            return await call.ReadAsync().ConfigureAwait(false);
        }
        finally
        {
            Volatile.Write(ref _reading, 0);
        }
    }
}
