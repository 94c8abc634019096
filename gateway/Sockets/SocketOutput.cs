using System.Buffers;
using System.IO.Pipelines;
using System.Net.Sockets;
using System.Threading.Tasks.Sources;
using Granary.Core.Threads;

namespace Granary.Gateway.Sockets;

/// <summary>
/// Gathers what is written until it is flushed. A little is sent on the thread that flushes, at the end of what it is at; more by a thread of the pool,
/// so that more can be written meanwhile. A flush is complete when not too much is unsent.
/// </summary>
internal sealed class SocketOutput(Socket socket) : PipeWriter, IValueTaskSource<FlushResult>, IThreadPoolWorkItem
{
    private const int BlockSize = 32 * 1024;

    // So little is sent in the time that it takes to wake another thread.
    private const int SentAtOnce = 4 * 1024;

    // So much of what several messages have led to.
    private const int SentAtEnd = 32 * 1024;

    // A flush waits while more than this is unsent, until half of it is.
    private const int MostUnsent = 256 * 1024;

    private static readonly Action<object> SendAtEnd = static output => ((SocketOutput)output).SendAtLast();

    private readonly Lock _gate = new();

    // Full blocks, and how much of each is data. Under the lock.
    private readonly Queue<ArraySegment<byte>> _full = new();
    private ManualResetValueTaskSourceCore<FlushResult> _flush = new() { RunContinuationsAsynchronously = true };
    private Readiness _writable;
    private Pause _pause;

    // The block that is being written, by the writer alone: [0, _written) is data, [0, _flushed) may be sent.
    private byte[]? _block;
    private int _written;
    private int _flushed;
    private long _unflushed;

    // Of what is not flushed: in full blocks, which may be sent all the same. Written by the writer.
    private long _inFull;

    // Of the block at the front: sent so far. Under the lock.
    private int _sent;
    private long _unsentBytes;
    private bool _isSending;
    private bool _isFlushWaiting;

    // The writer has taken no memory since it flushed: the block may be returned by whoever sends the last of it. Written by the writer under the lock.
    private bool _isAtRest;
    private TaskCompletionSource? _sentAll;
    private volatile bool _isLost;

    public override bool CanGetUnflushedBytes => true;

    public override long UnflushedBytes => _unflushed;

    /// <summary>Whether memory of the pool is held, be it for what is unsent or for what comes next.</summary>
    internal bool HoldsBlock
    {
        get
        {
            lock (_gate)
            {
                return _block is not null || _full.Count > 0;
            }
        }
    }

    public override Memory<byte> GetMemory(int sizeHint = 0) => Reserve(sizeHint).AsMemory(_written);

    public override Span<byte> GetSpan(int sizeHint = 0) => Reserve(sizeHint).AsSpan(_written);

    public override void Advance(int bytes)
    {
        // Without memory taken before it, an advance by nothing would race with who returns the block.
        if (bytes > 0)
        {
            _written += bytes;
            _unflushed += bytes;
        }
    }

    public override ValueTask<FlushResult> FlushAsync(CancellationToken cancellationToken = default)
    {
        var isLone = (_pause.EndsNow() || !Thread.CurrentThread.IsThreadPoolThread) && _unflushed <= SentAtOnce;
        lock (_gate)
        {
            _unsentBytes += _unflushed - _inFull;
            _unflushed = _inFull = 0;
            _flushed = _written;
            if (!_isSending && !_isLost && _unsentBytes > 0)
            {
                _isSending = true;
                if (_unsentBytes > SentAtEnd || !SameThreadContext.TryAtEnd(SendAtEnd, this))
                {
                    _isSending = !(isLone && TrySendAtOnce());
                    if (_isSending)
                    {
                        ThreadPool.UnsafeQueueUserWorkItem(this, preferLocal: false);
                    }
                }
            }

            if (_unsentBytes == 0)
            {
                Release();
            }

            _isAtRest = _block is not null;
            if (_unsentBytes <= MostUnsent || _isLost)
            {
                return ValueTask.FromResult(new FlushResult(false, _isLost));
            }

            _isFlushWaiting = true;
            _flush.Reset();
            return new ValueTask<FlushResult>(this, _flush.Version);
        }
    }

    public override void CancelPendingFlush() => throw new NotSupportedException("Cut the connection instead.");

    public override void Complete(Exception? exception = null) => Sent(0, isLost: true);

    /// <summary>Completes when all that was flushed is sent, or never will be.</summary>
    public Task WhenSentAsync()
    {
        lock (_gate)
        {
            if (!_isSending)
            {
                return Task.CompletedTask;
            }

            _sentAll ??= new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
            return _sentAll.Task;
        }
    }

    FlushResult IValueTaskSource<FlushResult>.GetResult(short token) => _flush.GetResult(token);

    ValueTaskSourceStatus IValueTaskSource<FlushResult>.GetStatus(short token) => _flush.GetStatus(token);

    void IValueTaskSource<FlushResult>.OnCompleted(
        Action<object?> continuation, object? state, short token, ValueTaskSourceOnCompletedFlags flags) =>
        _flush.OnCompleted(continuation, state, token, flags);

    /// <summary>There is room to write. Called by the loop.</summary>
    public void OnWritable()
    {
        if (_writable.Announce())
        {
            ThreadPool.UnsafeQueueUserWorkItem(this, preferLocal: false);
        }
    }

    void IThreadPoolWorkItem.Execute() => SendAll();

    // Under the lock, while nobody else sends.
    private bool TrySendAtOnce()
    {
        while (_unsentBytes > 0)
        {
            var data = Front();
            var sent = Send(data, out var error);
            if (error is SocketError.WouldBlock or SocketError.TryAgain)
            {
                return false;
            }

            if (error != SocketError.Success)
            {
                _isLost = true;
                return true;
            }

            Consume(sent);
        }

        return true;
    }

    // What was written since goes along. Whoever is at it next must not be held up by what the kernel does not take.
    private void SendAtLast()
    {
        lock (_gate)
        {
            if (!TrySendAtOnce())
            {
                ThreadPool.UnsafeQueueUserWorkItem(this, preferLocal: false);
                return;
            }
        }

        Sent(0, isLost: false);
        SendAll();
    }

    // Until nothing is left, or the kernel takes no more: the loop tells when it does.
    private void SendAll()
    {
        while (Next() is { IsEmpty: false } data)
        {
            var sent = Send(data, out var error);
            if (error is SocketError.WouldBlock or SocketError.TryAgain)
            {
                if (!_writable.TryTake() && _writable.TryAwait())
                {
                    return;
                }
            }
            else
            {
                Sent(sent, error != SocketError.Success);
            }
        }
    }

    private int Send(ReadOnlyMemory<byte> data, out SocketError error)
    {
        try
        {
            return socket.Send(data.Span, SocketFlags.None, out error);
        }
        catch (ObjectDisposedException)
        {
            // Cut by Abort.
            error = SocketError.NotConnected;
            return 0;
        }
    }

    private ReadOnlyMemory<byte> Next()
    {
        lock (_gate)
        {
            if (_isLost || _unsentBytes == 0)
            {
                _isSending = false;
                _sentAll?.TrySetResult();
                _sentAll = null;
                if (_isAtRest && _unsentBytes == 0)
                {
                    Release();
                }

                return default;
            }

            return Front();
        }
    }

    private void Sent(int count, bool isLost)
    {
        bool isFlushed;
        lock (_gate)
        {
            _isLost |= isLost;
            Consume(count);
            isFlushed = _isFlushWaiting && (_unsentBytes <= MostUnsent / 2 || _isLost);
            _isFlushWaiting &= !isFlushed;
        }

        if (isFlushed)
        {
            _flush.SetResult(new FlushResult(false, _isLost));
        }
    }

    // Under the lock: what comes next, of a block.
    private ReadOnlyMemory<byte> Front() => _full.TryPeek(out var block) ? block.AsMemory(_sent) : _block.AsMemory(_sent, _flushed - _sent);

    // Under the lock.
    private void Consume(int count)
    {
        _sent += count;
        _unsentBytes -= count;
        if (_full.TryPeek(out var block) && _sent == block.Count)
        {
            _full.Dequeue();
            _sent = 0;
            ArrayPool<byte>.Shared.Return(block.Array!);
        }
    }

    // Under the lock, when all is sent, by the writer or while it is at rest: an idle connection holds no block.
    private void Release()
    {
        if (_block is { } block)
        {
            (_block, _written, _flushed, _sent) = (null, 0, 0, 0);
            ArrayPool<byte>.Shared.Return(block);
        }
    }

    private byte[] Reserve(int size)
    {
        if (_isAtRest)
        {
            lock (_gate)
            {
                _isAtRest = false;
            }
        }

        if (_block is { } block)
        {
            if (block.Length - _written >= Math.Max(size, 1))
            {
                return block;
            }

            lock (_gate)
            {
                if (_full.Count == 0 && _sent == _written)
                {
                    Release();
                }
                else if (_written == 0)
                {
                    // Nothing is in it: as an empty block it would end the sending of those behind it.
                    ArrayPool<byte>.Shared.Return(block);
                }
                else
                {
                    var unflushed = _written - _flushed;
                    _unsentBytes += unflushed;
                    _inFull += unflushed;
                    _full.Enqueue(new ArraySegment<byte>(block, 0, _written));
                    (_written, _flushed) = (0, 0);
                }
            }
        }

        return _block = ArrayPool<byte>.Shared.Rent(Math.Max(size, BlockSize));
    }
}
