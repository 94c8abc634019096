using System.Buffers;
using System.IO.Pipelines;
using System.Net;
using System.Net.Sockets;
using Granary.Silo.Hosting.Cluster.Sockets;
using Microsoft.AspNetCore.Connections;
using Microsoft.Extensions.Options;
using Orleans.Networking.Shared;

namespace Granary.Silo.Tests.Hosting.Cluster;

public sealed class MemberSocketsTests
{
    private static readonly TimeSpan Limit = TimeSpan.FromSeconds(20);

    private readonly MemberSockets _sockets = new(Options.Create(new SocketConnectionOptions()));

    /// <summary>That the kernel does so is seen where links are cut: soak.sh.</summary>
    [Fact]
    public void Connection_OnWhichNothingIsReceived_IsToEndBeforeTcpWaitsForLong()
    {
        using var socket = MemberSockets.Set(new Socket(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp), new SocketConnectionOptions());
        var limit = new byte[sizeof(int)];
        socket.GetRawSocketOption(MemberSockets.IpProtocolTcp, MemberSockets.TcpUserTimeout, limit);
        Assert.Equal(MemberSockets.UnansweredMilliseconds, BitConverter.ToInt32(limit));
    }

    [Fact]
    public async Task Connection_MoreThanItsBuffers_ArrivesAsItWasWritten()
    {
        await using var pair = await ConnectAsync();
        var sent = new byte[1_000_003];
        new Random(1).NextBytes(sent);
        var reading = ReadAsync(pair.Accepted.Transport.Input, sent.Length);
        await pair.Connected.Transport.Output.WriteAsync(sent).AsTask().WaitAsync(Limit);

        Assert.Equal(sent, await reading.WaitAsync(Limit));
    }

    [Fact]
    public async Task Connection_Aborted_TellsItsOwnerAndEndsThePeersReading()
    {
        await using var pair = await ConnectAsync();
        var closed = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        pair.Connected.ConnectionClosed.Register(closed.SetResult);
        pair.Connected.Abort(new ConnectionAbortedException("for the test"));

        await closed.Task.WaitAsync(Limit);
        Assert.True(await HasEndedAsync(pair.Accepted.Transport.Input).WaitAsync(Limit));
    }

    [Fact]
    public async Task Connection_WhoseReadIsCancelled_ReturnsFromIt()
    {
        await using var pair = await ConnectAsync();
        var reading = pair.Connected.Transport.Input.ReadAsync().AsTask();
        pair.Connected.Transport.Input.CancelPendingRead();

        Assert.True((await reading.WaitAsync(Limit)).IsCanceled);
    }

    [Fact]
    public async Task Connection_WhosePeerDoesNotRead_HoldsTheWriterUntilItIsCancelled()
    {
        await using var pair = await ConnectAsync();
        var output = pair.Connected.Transport.Output;
        var writing = output.WriteAsync(new byte[64 << 20]).AsTask();
        Assert.False(writing.IsCompleted);
        output.CancelPendingFlush();

        Assert.True((await writing.WaitAsync(Limit)).IsCanceled);
    }

    [Fact]
    public async Task Connecting_WhereNobodyListens_SaysWhereAndWhy()
    {
        EndPoint end;
        await using (var listener = await BindAsync(0))
        {
            end = listener.EndPoint;
        }

        var refused = await Assert.ThrowsAsync<SocketConnectionException>(() => _sockets.ConnectAsync(end).AsTask());

        Assert.Equal($"Unable to connect to {end}. Error: ConnectionRefused", refused.Message);
    }

    [Fact]
    public async Task Listening_OnAPortThatIsTaken_SaysSo()
    {
        await using var listener = await BindAsync(0);

        await Assert.ThrowsAsync<AddressInUseException>(() => BindAsync(((IPEndPoint)listener.EndPoint).Port));
    }

    [Fact]
    public async Task Listening_ThatEnds_HasNoMoreConnections()
    {
        var listener = await BindAsync(0);
        var accepting = listener.AcceptAsync().AsTask();
        await listener.UnbindAsync();

        Assert.Null(await accepting.WaitAsync(Limit));
    }

    private static async Task<byte[]> ReadAsync(PipeReader input, int count)
    {
        var read = await input.ReadAtLeastAsync(count);
        return read.Buffer.ToArray();
    }

    /// <summary>The peer's end is read as one, or as a reset where that came before it was read.</summary>
    private static async Task<bool> HasEndedAsync(PipeReader input)
    {
        try
        {
            return await input.ReadAsync() is { IsCompleted: true, Buffer.IsEmpty: true };
        }
        catch (IOException)
        {
            return true;
        }
    }

    private Task<IConnectionListener> BindAsync(int port) =>
        _sockets.BindAsync(new IPEndPoint(IPAddress.Loopback, port)).AsTask();

    private async Task<Pair> ConnectAsync()
    {
        var listener = await BindAsync(0);
        var accepting = listener.AcceptAsync().AsTask();
        var connected = await _sockets.ConnectAsync(listener.EndPoint);
        return new Pair(listener, connected, (await accepting.WaitAsync(Limit))!);
    }

    private sealed record Pair(IConnectionListener Listener, ConnectionContext Connected, ConnectionContext Accepted) : IAsyncDisposable
    {
        public async ValueTask DisposeAsync()
        {
            await Connected.DisposeAsync();
            await Accepted.DisposeAsync();
            await Listener.DisposeAsync();
        }
    }
}
