using System.Buffers;
using System.IO.Pipelines;
using System.Net.Sockets;
using System.Threading.Tasks.Sources;
using Granary.Core.Threads;

namespace Granary.Gateway.Sockets;

/// <summary>
/// Reads a socket when it is asked to, into one contiguous buffer. While nothing comes only a small buffer waits, so an idle connection costs little;
/// when more comes than fits there, a large one is rented until all of it is consumed. What fits is handled on the thread that hears of it, what comes
/// in bulk on a thread of the pool. Cancelling a read ends reading for good.
/// </summary>
internal sealed class SocketInput : PipeReader, IValueTaskSource<ReadResult>, IThreadPoolWorkItem
{
    private const int RestingSize = 4 * 1024;
    private const int BusySize = 64 * 1024;

    private static readonly Action<SocketInput> GoOn = static input => input.EndWait();

    private readonly Socket _socket;
    private readonly Arrival _arrival;
    private readonly byte[] _resting = GC.AllocateUninitializedArray<byte>(RestingSize);
    private ManualResetValueTaskSourceCore<ReadResult> _waiting;
    private CancellationTokenRegistration _cancellation;
    private CancellationToken _cancellationToken;
    private byte[]? _busy;
    private int _start;
    private int _end;
    private int _examined;
    private ReadOnlySequence<byte> _current;
    private volatile bool _isCanceled;
    private bool _isCompleted;

    // The buffer is lent to the socket.
    private bool _isWaiting;

    // The last receive got less than there was room for: another one would most likely get nothing.
    private bool _isDrained;

    public SocketInput(Socket socket)
    {
        _socket = socket;
        _arrival = new Arrival(this);
    }

    /// <summary>Whether memory of the pool is held.</summary>
    internal bool HoldsBlock => _busy is not null;

    private byte[] Buffer => _busy ?? _resting;

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
        if (HasResult || (!_isDrained && Receive()))
        {
            return ValueTask.FromResult(Result());
        }

        return cancellationToken.IsCancellationRequested
            ? ValueTask.FromCanceled<ReadResult>(cancellationToken)
            : WaitAsync(cancellationToken);
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

        _arrival.Dispose();
    }

    ReadResult IValueTaskSource<ReadResult>.GetResult(short token) => _waiting.GetResult(token);

    ValueTaskSourceStatus IValueTaskSource<ReadResult>.GetStatus(short token) => _waiting.GetStatus(token);

    void IValueTaskSource<ReadResult>.OnCompleted(
        Action<object?> continuation, object? state, short token, ValueTaskSourceOnCompletedFlags flags) =>
        _waiting.OnCompleted(continuation, state, token, flags);

    void IThreadPoolWorkItem.Execute() => EndWait();

    private bool HasResult => _isCanceled || _isCompleted || _examined < _end;

    private ReadResult Result()
    {
        _current = new ReadOnlySequence<byte>(Buffer, _start, _end - _start);
        return new ReadResult(_current, _isCanceled, _isCompleted);
    }

    // Takes what is there without waiting; true when something is, or the end.
    private bool Receive()
    {
        if (_end == 0 && _busy is null)
        {
            Grow(BusySize);
        }

        MakeRoom();
        var room = Buffer.AsSpan(_end);
        int count;
        SocketError error;
        try
        {
            count = _socket.Receive(room, SocketFlags.None, out error);
        }
        catch (ObjectDisposedException exception)
        {
            throw Cut(exception);
        }

        return error is not (SocketError.WouldBlock or SocketError.TryAgain) && Take(count, room.Length, error);
    }

    private bool Take(int count, int room, SocketError error)
    {
        if (error != SocketError.Success)
        {
            throw new IOException($"The socket failed: {error}.", new SocketException((int)error));
        }

        _end += count;
        _isDrained = count < room;
        _isCompleted |= count == 0;
        return true;
    }

    private ValueTask<ReadResult> WaitAsync(CancellationToken cancellationToken)
    {
        if (_end == 0)
        {
            Rest();
        }

        MakeRoom();
        _waiting.Reset();
        var version = _waiting.Version;
        _cancellationToken = cancellationToken;
        _cancellation = cancellationToken.UnsafeRegister(static input => ((SocketInput)input!).EndReceiving(), this);
        _arrival.SetBuffer(Buffer, _end, Buffer.Length - _end);

        _isWaiting = true;

        // From here on all of this belongs to the thread that hears of the arrival, unless there is something at once.
        try
        {
            if (!_socket.ReceiveAsync(_arrival))
            {
                EndWait();
            }
        }
        catch (ObjectDisposedException exception)
        {
            _isWaiting = false;
            _cancellation.Unregister();
            return ValueTask.FromException<ReadResult>(Cut(exception));
        }

        return new ValueTask<ReadResult>(this, version);
    }

    private static IOException Cut(Exception exception) => new("The connection was cut.", exception);

    // Something has arrived for a reader that waits.
    private void OnArrival()
    {
        if (_arrival.BytesTransferred < _arrival.Count)
        {
            SameThreadContext.Run(GoOn, this);
        }
        else
        {
            ThreadPool.UnsafeQueueUserWorkItem(this, preferLocal: false);
        }
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

        try
        {
            Take(_arrival.BytesTransferred, _arrival.Count, _isCanceled ? SocketError.Success : _arrival.SocketError);
            if (!_isDrained)
            {
                // The small buffer is full: the rest is taken along, as handling a little costs as much as handling a lot.
                Receive();
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
            _socket.Shutdown(SocketShutdown.Receive);
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

    private sealed class Arrival(SocketInput input) : SocketAsyncEventArgs(true)
    {
        protected override void OnCompleted(SocketAsyncEventArgs e) => input.OnArrival();
    }
}
