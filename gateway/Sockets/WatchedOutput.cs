using System.IO.Pipelines;

namespace Granary.Gateway.Sockets;

/// <summary>The outgoing half of a connection of Kestrel's own transport, of which one can see whether a flush waits for the client.</summary>
internal sealed class WatchedOutput(PipeWriter inner) : PipeWriter
{
    private long _flushes;
    private long _octets;
    private volatile bool _isWaiting;

    public bool IsWaiting => _isWaiting;

    /// <summary>Grows whenever the client has taken enough for more to be sent.</summary>
    public long Flushes => Volatile.Read(ref _flushes);

    /// <summary>What was written.</summary>
    public SocketTraffic Traffic => new(Volatile.Read(ref _octets), Flushes);

    public override bool CanGetUnflushedBytes => inner.CanGetUnflushedBytes;

    public override long UnflushedBytes => inner.UnflushedBytes;

    public override Memory<byte> GetMemory(int sizeHint = 0) => inner.GetMemory(sizeHint);

    public override Span<byte> GetSpan(int sizeHint = 0) => inner.GetSpan(sizeHint);

    public override void Advance(int bytes)
    {
        Volatile.Write(ref _octets, _octets + bytes);
        inner.Advance(bytes);
    }

    public override ValueTask<FlushResult> FlushAsync(CancellationToken cancellationToken = default)
    {
        _flushes++;
        var flush = inner.FlushAsync(cancellationToken);
        return flush.IsCompleted ? flush : WaitAsync(flush);
    }

    public override void CancelPendingFlush() => inner.CancelPendingFlush();

    public override void Complete(Exception? exception = null) => inner.Complete(exception);

    public override ValueTask CompleteAsync(Exception? exception = null) => inner.CompleteAsync(exception);

    private async ValueTask<FlushResult> WaitAsync(ValueTask<FlushResult> flush)
    {
        _isWaiting = true;
        try
        {
            return await flush.ConfigureAwait(false);
        }
        finally
        {
            _isWaiting = false;
        }
    }
}
