using System.Buffers;
using System.IO.Pipelines;
using System.Net.Security;
using System.Runtime.CompilerServices;

namespace Granary.Gateway.Tls;

/// <summary>Reads what a client has encrypted, into one contiguous buffer. While nothing comes no memory is held. Cancelling a read ends reading for good.</summary>
internal sealed class TlsInput(SslStream tls, PipeReader encrypted) : PipeReader
{
    // Room for two of the largest records.
    private const int LeastSize = 32 * 1024;

    private byte[]? _buffer;
    private int _start;
    private int _end;
    private int _examined;
    private ReadOnlySequence<byte> _current;
    private volatile bool _isCanceled;
    private bool _isCompleted;

    /// <summary>Where what is encrypted comes from.</summary>
    public PipeReader Encrypted => encrypted;

    /// <summary>Whether memory of the pool is held.</summary>
    internal bool HoldsBlock => _buffer is not null;

    private bool HasResult => _isCanceled || _isCompleted || _examined < _end;

    public override bool TryRead(out ReadResult result)
    {
        result = HasResult ? Result() : default;
        return HasResult;
    }

    /// <exception cref="IOException">The socket failed, or what came is not what TLS allows.</exception>
    [AsyncMethodBuilder(typeof(PoolingAsyncValueTaskMethodBuilder<>))]
    public override async ValueTask<ReadResult> ReadAsync(CancellationToken cancellationToken = default)
    {
        while (!HasResult)
        {
            if (_end == 0)
            {
                // Read into no room, TLS waits without memory, too.
                var something = tls.ReadAsync(Memory<byte>.Empty, cancellationToken);
                if (!something.IsCompleted)
                {
                    Rest();
                }

                await something.ConfigureAwait(false);
            }

            MakeRoom();
            var count = await tls.ReadAsync(_buffer.AsMemory(_end), cancellationToken).ConfigureAwait(false);
            _end += count;
            _isCompleted |= count == 0;
        }

        return Result();
    }

    public override void AdvanceTo(SequencePosition consumed) => AdvanceTo(consumed, consumed);

    public override void AdvanceTo(SequencePosition consumed, SequencePosition examined)
    {
        var offset = _start - (int)_current.GetOffset(_current.Start);
        _examined = offset + (int)_current.GetOffset(examined);
        _start = offset + (int)_current.GetOffset(consumed);
        _current = default;
        if (_start == _end)
        {
            _start = _end = _examined = 0;
        }
    }

    public override void CancelPendingRead()
    {
        _isCanceled = true;
        encrypted.CancelPendingRead();
    }

    public override void Complete(Exception? exception = null)
    {
        _isCompleted = true;
        _start = _end = _examined = 0;
        Rest();
    }

    private ReadResult Result()
    {
        _current = _buffer is { } buffer ? new ReadOnlySequence<byte>(buffer, _start, _end - _start) : ReadOnlySequence<byte>.Empty;
        return new ReadResult(_current, _isCanceled, _isCompleted);
    }

    private void MakeRoom()
    {
        if (_buffer is not { } buffer)
        {
            _buffer = ArrayPool<byte>.Shared.Rent(LeastSize);
        }
        else if (_end == buffer.Length)
        {
            var kept = _end - _start;
            var to = kept > buffer.Length / 2 ? ArrayPool<byte>.Shared.Rent(buffer.Length * 2) : buffer;
            buffer.AsSpan(_start, kept).CopyTo(to);
            (_start, _end, _examined) = (0, kept, _examined - _start);
            if (to != buffer)
            {
                Rest();
                _buffer = to;
            }
        }
    }

    private void Rest()
    {
        if (_buffer is { } buffer)
        {
            _buffer = null;
            ArrayPool<byte>.Shared.Return(buffer);
        }
    }
}
