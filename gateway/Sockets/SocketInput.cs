using System.Buffers;
using System.IO.Pipelines;
using System.Net.Sockets;
using System.Threading.Tasks.Sources;

namespace Granary.Gateway.Sockets;

/// <summary>
/// Reads a socket when it is asked to, into one contiguous buffer. While nothing comes only a small buffer waits, so an idle connection costs little;
/// when more comes than fits there, a large one is rented until all of it is consumed. What fits is handled on the loop that hears of it, what comes
/// in bulk on a thread of the pool. Cancelling a read ends reading for good.
/// </summary>
/// <param name="received">Told of octets that were read.</param>
internal sealed class SocketInput(Socket socket, Action<int> received) : PipeReader, ITargetedReader, IValueTaskSource<ReadResult>, IThreadPoolWorkItem
{
    private const int RestingSize = 4 * 1024;
    private const int BusySize = 64 * 1024;

    private readonly byte[] _resting = GC.AllocateUninitializedArray<byte>(RestingSize);
    private ManualResetValueTaskSourceCore<ReadResult> _waiting;
    private Readiness _readable;
    private CancellationTokenRegistration _cancellation;
    private CancellationToken _cancellationToken;
    private byte[]? _busy;
    private int _start;
    private int _end;
    private int _examined;
    private ReadOnlySequence<byte> _current;
    private Memory<byte> _target;
    private int _targeted;
    private long _receivedBytes, _reads;

    // Behind what has a place of its own little is read, so that the next part of it can go to its place as well.
    private bool _readsLittle;
    private volatile bool _isCanceled;
    private bool _isCompleted;

    // No event will tell of what comes from here on.
    private volatile bool _isEnding;

    // All of this belongs to whoever ends the wait.
    private bool _isWaiting;

    // The last receive got less than there was room for: another one would get nothing before the next event.
    private bool _isDrained;

    /// <summary>What was read so far. May be asked by any thread.</summary>
    public SocketTraffic Traffic => new(Volatile.Read(ref _receivedBytes), Volatile.Read(ref _reads));

    /// <summary>Whether memory of the pool is held.</summary>
    internal bool HoldsBlock => _busy is not null;

    private byte[] Buffer => _busy ?? _resting;

    public Memory<byte> Target
    {
        set => _target = value;
    }

    public int TakeTargeted()
    {
        var targeted = _targeted;
        _targeted = 0;
        return targeted;
    }

    public override bool TryRead(out ReadResult result)
    {
        if (HasResult || Receive())
        {
            result = Result();
            return true;
        }

        result = default;
        return false;
    }

    /// <exception cref="IOException">The socket failed.</exception>
    public override ValueTask<ReadResult> ReadAsync(CancellationToken cancellationToken = default)
    {
        while (!HasResult && !(MayReceive() && Receive()))
        {
            if (cancellationToken.IsCancellationRequested)
            {
                return ValueTask.FromCanceled<ReadResult>(cancellationToken);
            }

            if (TryWait(cancellationToken, out var read))
            {
                return read;
            }
        }

        return ValueTask.FromResult(Result());
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
        EndReceiving();
    }

    public override void Complete(Exception? exception = null)
    {
        _isCompleted = true;
        if (!_isWaiting)
        {
            _start = _end = _examined = 0;
            Rest();
        }
    }

    /// <summary>There is something to read, or will never be again. Called by the loop, which goes on with what waited for it.</summary>
    public void OnReadable(bool isEnding)
    {
        _isEnding |= isEnding;
        if (_readable.Announce())
        {
            EndWait();
        }
    }

    /// <summary>The socket was closed: whoever waits learns of it.</summary>
    public void OnClosed()
    {
        _isEnding = true;
        if (_readable.Announce())
        {
            ThreadPool.UnsafeQueueUserWorkItem(static input => input.EndWait(), this, preferLocal: false);
        }
    }

    ReadResult IValueTaskSource<ReadResult>.GetResult(short token) => _waiting.GetResult(token);

    ValueTaskSourceStatus IValueTaskSource<ReadResult>.GetStatus(short token) => _waiting.GetStatus(token);

    void IValueTaskSource<ReadResult>.OnCompleted(
        Action<object?> continuation, object? state, short token, ValueTaskSourceOnCompletedFlags flags) =>
        _waiting.OnCompleted(continuation, state, token, flags);

    // The small buffer is full: the rest is taken along, as handling a little costs as much as handling a lot.
    void IThreadPoolWorkItem.Execute() => Finish(static input => input.Receive() || true);

    private bool HasResult => _isCanceled || _isCompleted || _examined < _end || _targeted > 0;

    private ReadResult Result()
    {
        _current = new ReadOnlySequence<byte>(Buffer, _start, _end - _start);
        return new ReadResult(_current, _isCanceled, _isCompleted);
    }

    private bool MayReceive() => !_isDrained || _isEnding || _readable.TryTake();

    // Takes what is there without waiting; true when something is, or the end.
    private bool Receive()
    {
        if (_end == 0 && _busy is null && !_readsLittle && _target.IsEmpty)
        {
            Grow(BusySize);
        }

        return ReceiveSome();
    }

    private bool ReceiveSome()
    {
        var target = _target;
        _readsLittle = !target.IsEmpty;
        if (target.IsEmpty)
        {
            MakeRoom();
        }

        var room = target.IsEmpty ? Buffer.AsSpan(_end) : target.Span;
        int count;
        SocketError error;
        try
        {
            count = socket.Receive(room, SocketFlags.None, out error);
        }
        catch (ObjectDisposedException exception)
        {
            throw Cut(exception);
        }

        _isDrained = count < room.Length;
        if (error is SocketError.WouldBlock or SocketError.TryAgain)
        {
            return false;
        }

        if (error != SocketError.Success)
        {
            throw Cut(new SocketException((int)error));
        }

        if (target.IsEmpty)
        {
            _end += count;
        }
        else
        {
            _targeted = count;
            _target = default;
        }

        _isCompleted |= count == 0;
        received(count);
        Volatile.Write(ref _receivedBytes, _receivedBytes + count);
        Volatile.Write(ref _reads, _reads + 1);
        return true;
    }

    private static IOException Cut(Exception exception) => new($"The connection was cut: {exception.Message}", exception);

    // False when something has come meanwhile.
    private bool TryWait(CancellationToken cancellationToken, out ValueTask<ReadResult> read)
    {
        if (_end == 0)
        {
            Rest();
        }

        _waiting.Reset();
        read = new ValueTask<ReadResult>(this, _waiting.Version);
        _cancellationToken = cancellationToken;
        return TryWaitOn();
    }

    private bool TryWaitOn()
    {
        _cancellation = _cancellationToken.UnsafeRegister(static input => ((SocketInput)input!).EndReceiving(), this);
        _isWaiting = true;
        if (_readable.TryAwait())
        {
            return true;
        }

        _isWaiting = false;
        _cancellation.Unregister();
        return false;
    }

    private void EndWait()
    {
        _isWaiting = false;
        _cancellation.Unregister();
        if (_cancellationToken.IsCancellationRequested)
        {
            _waiting.SetException(new OperationCanceledException(_cancellationToken));
            return;
        }

        if (!_target.IsEmpty)
        {
            // Much is to come.
            ThreadPool.UnsafeQueueUserWorkItem(this, preferLocal: false);
            return;
        }

        Finish(static input => input.ReceiveFirst());
    }

    // True when what has come is all there is; otherwise the wait goes on, here or on a thread of the pool.
    private bool ReceiveFirst()
    {
        // What the event told of may have been read already.
        while (!HasResult && !ReceiveSome())
        {
            if (!MayReceive() && TryWaitOn())
            {
                return false;
            }
        }

        if (_isDrained)
        {
            return true;
        }

        // From here on all of this is that thread's.
        ThreadPool.UnsafeQueueUserWorkItem(this, preferLocal: false);
        return false;
    }

    private void Finish(Func<SocketInput, bool> receive)
    {
        try
        {
            if (!receive(this))
            {
                return;
            }
        }
        catch (IOException exception)
        {
            _waiting.SetException(exception);
            return;
        }

        _waiting.SetResult(Result());
    }

    // Who waits learns of it by an end of what arrives.
    private void EndReceiving()
    {
        try
        {
            socket.Shutdown(SocketShutdown.Receive);
        }
        catch (Exception exception) when (exception is SocketException or ObjectDisposedException)
        {
            // Then nobody waits for it any more.
        }
    }

    private void MakeRoom()
    {
        if (_end < Buffer.Length)
        {
            return;
        }

        if (_start > 0)
        {
            Buffer.AsSpan(_start, _end - _start).CopyTo(Buffer);
            (_start, _end, _examined) = (0, _end - _start, _examined - _start);
        }

        if (_end >= Buffer.Length / 2)
        {
            Grow(Math.Max(BusySize, Buffer.Length * 2));
        }
    }

    private void Grow(int size)
    {
        var larger = ArrayPool<byte>.Shared.Rent(size);
        Buffer.AsSpan(0, _end).CopyTo(larger);
        Rest();
        _busy = larger;
    }

    private void Rest()
    {
        if (_busy is { } busy)
        {
            _busy = null;
            ArrayPool<byte>.Shared.Return(busy);
        }
    }
}
