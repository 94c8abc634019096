using System.Net;
using System.Net.Sockets;

namespace Granary.Storage.Tests.Postgres;

/// <summary>Stands between a store and its server: lets a process look stopped in the middle of a flush, or loses the answer to one.</summary>
internal sealed class StallingProxy : IAsyncDisposable
{
    private readonly TcpListener _listener = new(IPAddress.Loopback, 0);
    private readonly CancellationTokenSource _end = new();
    private readonly int _serverPort;
    private readonly Task _accepting;
    private TaskCompletionSource _open = Opened();
    private TaskCompletionSource _stalled = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private long _bytesUntilStall = long.MaxValue;
    private volatile bool _losesAnswers;

    public StallingProxy(int serverPort)
    {
        _serverPort = serverPort;
        _listener.Start();
        _accepting = AcceptLoopAsync();
    }

    public int Port => ((IPEndPoint)_listener.LocalEndpoint).Port;

    /// <summary>When nothing more is sent on to the server.</summary>
    public Task Stalled => _stalled.Task;

    /// <summary>Sends so many bytes to the server, and then nothing until <see cref="Resume"/>.</summary>
    public void StallAfter(long bytes)
    {
        _open = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        _stalled = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        Interlocked.Exchange(ref _bytesUntilStall, bytes);
    }

    public void Resume()
    {
        Interlocked.Exchange(ref _bytesUntilStall, long.MaxValue);
        _open.TrySetResult();
    }

    /// <summary>Cuts the connection instead of handing the next answer over, as long as it is true.</summary>
    public void LoseAnswers(bool isTrue) => _losesAnswers = isTrue;

    public async ValueTask DisposeAsync()
    {
        Resume();
        await _end.CancelAsync();
        _listener.Stop();
        await _accepting;
        _end.Dispose();
    }

    private static TaskCompletionSource Opened()
    {
        var open = new TaskCompletionSource();
        open.SetResult();
        return open;
    }

    private async Task AcceptLoopAsync()
    {
        var connections = new List<Task>();
        try
        {
            while (true)
            {
                connections.Add(ServeAsync(await _listener.AcceptTcpClientAsync(_end.Token)));
            }
        }
        catch (Exception e) when (e is OperationCanceledException or SocketException or ObjectDisposedException)
        {
            await Task.WhenAll(connections);
        }
    }

    private async Task ServeAsync(TcpClient client)
    {
        using var server = new TcpClient();
        using (client)
        {
            await server.ConnectAsync(IPAddress.Loopback, _serverPort, _end.Token);
            using var end = CancellationTokenSource.CreateLinkedTokenSource(_end.Token);
            await Task.WhenAny(ForwardAsync(client, server, end.Token), ReturnAsync(server, client, end.Token));
            await end.CancelAsync();
        }
    }

    private async Task ForwardAsync(TcpClient from, TcpClient to, CancellationToken cancellation)
    {
        var buffer = new byte[16 * 1024];
        try
        {
            while (await from.GetStream().ReadAsync(buffer, cancellation) is > 0 and var length)
            {
                if (Interlocked.Add(ref _bytesUntilStall, -length) < 0)
                {
                    _stalled.TrySetResult();
                    await _open.Task.WaitAsync(cancellation);
                }

                await to.GetStream().WriteAsync(buffer.AsMemory(0, length), cancellation);
            }
        }
        catch (Exception e) when (e is IOException or OperationCanceledException)
        {
            // One side is gone: the connection ends.
        }
    }

    private async Task ReturnAsync(TcpClient from, TcpClient to, CancellationToken cancellation)
    {
        var buffer = new byte[16 * 1024];
        try
        {
            while (await from.GetStream().ReadAsync(buffer, cancellation) is > 0 and var length && !_losesAnswers)
            {
                await to.GetStream().WriteAsync(buffer.AsMemory(0, length), cancellation);
            }
        }
        catch (Exception e) when (e is IOException or OperationCanceledException)
        {
            // One side is gone: the connection ends.
        }
    }
}
