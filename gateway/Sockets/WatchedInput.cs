using System.Buffers;
using System.IO.Pipelines;
using System.Runtime.CompilerServices;

namespace Granary.Gateway.Sockets;

/// <summary>The incoming half of a connection of Kestrel's own transport, of which one can see how much came.</summary>
internal sealed class WatchedInput(PipeReader inner) : PipeReader
{
    private ReadOnlySequence<byte> _read;
    private long _octets, _reads;

    /// <summary>What was read and is not to be read again.</summary>
    public SocketTraffic Traffic => new(Volatile.Read(ref _octets), Volatile.Read(ref _reads));

    public override void AdvanceTo(SequencePosition consumed) => AdvanceTo(consumed, consumed);

    public override void AdvanceTo(SequencePosition consumed, SequencePosition examined)
    {
        Volatile.Write(ref _octets, _octets + _read.Slice(_read.Start, consumed).Length);
        _read = default;
        inner.AdvanceTo(consumed, examined);
    }

    public override void CancelPendingRead() => inner.CancelPendingRead();

    public override void Complete(Exception? exception = null) => inner.Complete(exception);

    public override ValueTask CompleteAsync(Exception? exception = null) => inner.CompleteAsync(exception);

    public override ValueTask<ReadResult> ReadAsync(CancellationToken cancellationToken = default)
    {
        var read = inner.ReadAsync(cancellationToken);
        return read.IsCompletedSuccessfully ? ValueTask.FromResult(Note(read.Result)) : WaitAsync(read);
    }

    public override bool TryRead(out ReadResult result)
    {
        var isThere = inner.TryRead(out result);
        _read = default;
        if (isThere)
        {
            Note(result);
        }

        return isThere;
    }

    [AsyncMethodBuilder(typeof(PoolingAsyncValueTaskMethodBuilder<>))]
    private async ValueTask<ReadResult> WaitAsync(ValueTask<ReadResult> read) => Note(await read.ConfigureAwait(false));

    private ReadResult Note(ReadResult result)
    {
        _read = result.Buffer;
        Volatile.Write(ref _reads, _reads + 1);
        return result;
    }
}
