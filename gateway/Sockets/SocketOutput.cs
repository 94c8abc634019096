using System.Buffers;
using System.IO.Pipelines;
using System.Net.Sockets;
using System.Threading.Tasks.Sources;
using Granary.Core.Messages;
using Granary.Core.Threads;

namespace Granary.Gateway.Sockets;

/// <summary>
/// Gathers what is written until it is flushed. A little is sent on the thread that flushes, at the end of what it is at; more by a thread of the pool,
/// so that more can be written meanwhile. A flush is complete when not too much is unsent. What is lent is sent from where it is.
/// </summary>
internal sealed class SocketOutput(Socket socket) : PipeWriter, ILendingWriter, IValueTaskSource<FlushResult>, IThreadPoolWorkItem
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

    // What is complete, in order: of blocks that are full or were followed by something lent, and what was lent. Under the lock.
    private readonly Queue<Piece> _complete = new();
    private readonly GatheredSend _gathered = new(socket);
    private ManualResetValueTaskSourceCore<FlushResult> _flush = new() { RunContinuationsAsynchronously = true };
    private Readiness _writable;
    private Pause _pause;

    // The block that is being written, by the writer alone: [_start, _written) is data behind all that is complete, [_start, _flushed) may be sent.
    private byte[]? _block;
    private int _start;
    private int _written;
    private int _flushed;
    private long _unflushed;

    // Of what is not flushed: what is complete, which may be sent all the same. Written by the writer.
    private long _inComplete;

    // Of what comes first: sent so far. Under the lock.
    private int _sent;
    private long _unsentBytes;
    private long _sentBytes, _sends;
    private bool _isSending;
    private bool _isFlushWaiting;

    // The writer has taken no memory since it flushed: the block may be returned by whoever sends the last of it. Written by the writer under the lock.
    private bool _isAtRest;
    private TaskCompletionSource? _sentAll;
    private volatile bool _isLost;

    public override bool CanGetUnflushedBytes => true;

    public override long UnflushedBytes => _unflushed;

    /// <summary>Octets that were flushed and that the kernel has not taken yet.</summary>
    public long UnsentBytes => Volatile.Read(ref _unsentBytes);

    /// <summary>So much is unsent that a flush may be waiting.</summary>
    public bool HoldsFlushes => UnsentBytes > MostUnsent / 2;

    /// <summary>What the kernel has taken so far.</summary>
    public SocketTraffic Traffic => new(Volatile.Read(ref _sentBytes), Volatile.Read(ref _sends));

    /// <summary>Whether memory of the pool is held, be it for what is unsent or for what comes next.</summary>
    internal bool HoldsBlock
    {
        get
        {
            lock (_gate)
            {
                return _block is not null || _complete.Count > 0;
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

    public void Lend(ReadOnlyMemory<byte> octets, LargeRecord? owner)
    {
        lock (_gate)
        {
            _isAtRest = false;
            if (_written > _start)
            {
                CompleteBlock(isFull: false);
            }

            _complete.Enqueue(new Piece(octets, null, owner));
            _unsentBytes += octets.Length;
            _inComplete += octets.Length;
        }

        _unflushed += octets.Length;
    }

    public override ValueTask<FlushResult> FlushAsync(CancellationToken cancellationToken = default)
    {
        var isLone = (_pause.EndsNow() || !Thread.CurrentThread.IsThreadPoolThread) && _unflushed <= SentAtOnce;
        lock (_gate)
        {
            _unsentBytes += _unflushed - _inComplete;
            _unflushed = _inComplete = 0;
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
            Gather();
            var sent = _gathered.Send(out var error);
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
        while (TryNext())
        {
            var sent = _gathered.Send(out var error);
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

    private bool TryNext()
    {
        lock (_gate)
        {
            if (_isLost || _unsentBytes == 0)
            {
                _isSending = false;
                _gathered.Clear();
                _sentAll?.TrySetResult();
                _sentAll = null;
                if (_isAtRest && _unsentBytes == 0)
                {
                    Release();
                }

                return false;
            }

            Gather();
            return true;
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

    // Under the lock, for whoever sends: what comes next.
    private void Gather()
    {
        _gathered.Clear();
        var skipped = _sent;
        foreach (var piece in _complete)
        {
            if (!_gathered.TryAdd(piece.Octets[skipped..]))
            {
                return;
            }

            skipped = 0;
        }

        _gathered.TryAdd(_block.AsMemory(_start + skipped, _flushed - _start - skipped));
    }

    // Under the lock.
    private void Consume(int count)
    {
        _sentBytes += count;
        _sends += count > 0 ? 1 : 0;
        _unsentBytes -= count;
        _sent += count;
        while (_complete.TryPeek(out var piece) && _sent >= piece.Octets.Length)
        {
            _complete.Dequeue();
            _sent -= piece.Octets.Length;
            if (piece.Block is { } block)
            {
                ArrayPool<byte>.Shared.Return(block);
            }

            piece.Owner?.LetGo();
        }
    }

    // Under the lock, when all is sent, by the writer or while it is at rest: an idle connection holds no block.
    private void Release()
    {
        if (_block is { } block)
        {
            (_block, _start, _written, _flushed, _sent) = (null, 0, 0, 0, 0);
            ArrayPool<byte>.Shared.Return(block);
        }
    }

    // Under the lock.
    private void CompleteBlock(bool isFull)
    {
        var unflushed = _written - _flushed;
        _unsentBytes += unflushed;
        _inComplete += unflushed;
        _complete.Enqueue(new Piece(_block.AsMemory(_start, _written - _start), isFull ? _block : null, null));
        _start = _flushed = _written;
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
                if (_complete.Count == 0 && _start + _sent == _written)
                {
                    Release();
                }
                else
                {
                    // It may be an empty piece, which goes with the one before it.
                    CompleteBlock(isFull: true);
                    (_start, _written, _flushed) = (0, 0, 0);
                }
            }
        }

        return _block = ArrayPool<byte>.Shared.Rent(Math.Max(size, BlockSize));
    }

    /// <param name="Block">Rented, and to be returned when the piece is sent; null if a later piece is of it, too, or it was lent.</param>
    /// <param name="Owner">Of something lent, of which this is the last piece.</param>
    private readonly record struct Piece(ReadOnlyMemory<byte> Octets, byte[]? Block, LargeRecord? Owner);
}
