using System.Buffers;
using System.IO.Pipelines;

namespace Granary.Gateway.Tests.Fakes;

/// <summary>A pipe's reading end that counts what is consumed.</summary>
internal sealed class CountingInput(PipeReader inner) : PipeReader
{
    private ReadOnlySequence<byte> _last;
    private long _consumed;

    public long Consumed => Volatile.Read(ref _consumed);

    public override async ValueTask<ReadResult> ReadAsync(CancellationToken cancellationToken = default)
    {
        var read = await inner.ReadAsync(cancellationToken);
        _last = read.Buffer;
        return read;
    }

    public override bool TryRead(out ReadResult result)
    {
        var isThere = inner.TryRead(out result);
        _last = result.Buffer;
        return isThere;
    }

    public override void AdvanceTo(SequencePosition consumed) => AdvanceTo(consumed, consumed);

    public override void AdvanceTo(SequencePosition consumed, SequencePosition examined)
    {
        var count = _last.Slice(0, consumed).Length;
        inner.AdvanceTo(consumed, examined);
        Volatile.Write(ref _consumed, _consumed + count);
    }

    public override void CancelPendingRead() => inner.CancelPendingRead();

    public override void Complete(Exception? exception = null) => inner.Complete(exception);
}
