using System.IO.Pipelines;
using System.Net;
using System.Net.Sockets;
using Microsoft.AspNetCore.Connections;
using Microsoft.AspNetCore.Http.Features;

namespace Granary.Gateway.Sockets;

/// <summary>One accepted socket.</summary>
internal sealed class DirectConnection : ConnectionContext, IDuplexPipe, IPeerSigns
{
    // Below what any system lets wait in a socket.
    private const int MuchUnread = 32 * 1024;

    // A client that takes nothing is not waited for.
    private static readonly TimeSpan LongestFarewell = TimeSpan.FromSeconds(1);

    private readonly EventLoop _loop;
    private readonly long _id;
    private readonly SocketInput _input;
    private readonly SocketOutput _output;
    private readonly CancellationTokenSource _closed = new();
    private int _ended;
    private int _heard;
    private volatile bool _hasLeft;

    /// <exception cref="IOException">The system watches no more sockets.</exception>
    public DirectConnection(Socket socket, EventLoop loop)
    {
        (Socket, _loop) = (socket, loop);
        _input = new SocketInput(socket, loop.NoteReceived);
        _output = new SocketOutput(socket);
        Transport = this;
        LocalEndPoint = socket.LocalEndPoint;
        RemoteEndPoint = socket.RemoteEndPoint;
        ConnectionClosed = _closed.Token;
        Features.Set<IPeerSigns>(this);
        _id = loop.Watch(this);
    }

    public Socket Socket { get; }

    public PipeReader Input => _input;

    public PipeWriter Output => _output;

    public override IDuplexPipe Transport { get; set; }

    public override string ConnectionId { get; set; } = Guid.NewGuid().ToString("N");

    public override IFeatureCollection Features { get; } = new FeatureCollection();

    public override IDictionary<object, object?> Items { get; set; } = new ConnectionItems();

    public override CancellationToken ConnectionClosed { get; set; }

    public override EndPoint? LocalEndPoint { get; set; }

    public override EndPoint? RemoteEndPoint { get; set; }

    public bool HasLeft => _hasLeft;

    public bool MayBeStuck
    {
        get
        {
            try
            {
                return Socket.Available > MuchUnread;
            }
            catch (Exception exception) when (exception is SocketException or ObjectDisposedException)
            {
                // It is closed, which whoever reads it learns.
                return false;
            }
        }
    }

    public bool TakeHeard() => Interlocked.Exchange(ref _heard, 0) != 0;

    /// <summary>Called by the loop.</summary>
    public void OnEvents(SocketEvents events)
    {
        var isEnding = (events & SocketEvents.Ending) != 0;
        _hasLeft |= isEnding;
        Volatile.Write(ref _heard, 1);
        if (isEnding || (events & SocketEvents.Writable) != 0)
        {
            _output.OnWritable();
        }

        if (isEnding || (events & SocketEvents.Readable) != 0)
        {
            _input.OnReadable(isEnding);
        }
    }

    /// <summary>Cuts the socket; whoever reads or writes it learns of it. The client gets a reset: what it has not taken is not kept for it.</summary>
    public override void Abort(ConnectionAbortedException abortReason) => End(reset: true);

    /// <summary>Sends what was flushed, and closes.</summary>
    public override async ValueTask DisposeAsync()
    {
        var sent = _output.WhenSentAsync();
        if (!sent.IsCompleted)
        {
            await sent.WaitAsync(LongestFarewell).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        }

        End(reset: false);
        _input.Complete();
        _output.Complete();
    }

    private void End(bool reset)
    {
        if (Interlocked.Exchange(ref _ended, 1) != 0)
        {
            return;
        }

        try
        {
            if (reset)
            {
                Socket.LingerState = new LingerOption(enable: true, seconds: 0);
            }
            else
            {
                Socket.Shutdown(SocketShutdown.Both);
            }
        }
        catch (SocketException)
        {
            // The client was faster.
        }

        Socket.Dispose();
        _loop.Forget(_id);
        _input.OnClosed();
        _output.OnWritable();

        // Elsewhere: whoever aborts may hold a lock that those who are told take. It is never disposed, as an abort may come after the end.
        _ = _closed.CancelAsync();
    }
}
