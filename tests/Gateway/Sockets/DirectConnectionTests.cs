using System.Buffers;
using System.Net;
using Granary.Gateway.Sockets;
using Microsoft.AspNetCore.Connections;

namespace Granary.Gateway.Tests.Sockets;

public sealed class DirectConnectionTests
{
    [Fact]
    public async Task Dispose_FlushedAndUnsent_IsSentFirst()
    {
        const int Flushes = 200;
        const int Size = 1000;
        for (var round = 0; round < 20; round++)
        {
            await using var pair = await LoopbackPair.OpenAsync();
            for (var flush = 0; flush < Flushes; flush++)
            {
                LoopbackPair.Fill(pair.Output.GetSpan(Size)[..Size], flush * Size);
                pair.Output.Advance(Size);
                await pair.Output.FlushAsync();
            }

            await pair.Connection.DisposeAsync();
            Assert.Equal(Flushes * Size, await pair.ReadAsClientAsync(long.MaxValue));
        }
    }

    [Fact]
    public async Task Dispose_ClientReadsNothing_EndsAllTheSame()
    {
        await using var pair = await LoopbackPair.OpenAsync(clientBuffer: 16 * 1024);
        pair.Output.Write(new byte[32 * 1024 * 1024]);
        var flush = pair.Output.FlushAsync().AsTask();
        await pair.Connection.DisposeAsync().AsTask().WaitAsync(LoopbackPair.Patience);
        Assert.True((await flush.WaitAsync(LoopbackPair.Patience)).IsCompleted);
    }

    [Fact]
    public async Task Abort_WhileDisposing_NeitherThrows()
    {
        for (var round = 0; round < 300; round++)
        {
            await using var pair = await LoopbackPair.OpenAsync();
            var aborting = Task.Run(() => pair.Connection.Abort(new ConnectionAbortedException()));
            await pair.Connection.DisposeAsync();
            await aborting;
        }
    }

    [Fact]
    public async Task Abort_ByAHolderOfALock_TellsOthersElsewhere()
    {
        await using var pair = await LoopbackPair.OpenAsync();
        var gate = new Lock();
        var told = new TaskCompletionSource<bool>(TaskCreationOptions.RunContinuationsAsynchronously);
        pair.Connection.ConnectionClosed.Register(() => told.SetResult(gate.IsHeldByCurrentThread));
        lock (gate)
        {
            pair.Connection.Abort(new ConnectionAbortedException());
        }

        Assert.False(await told.Task.WaitAsync(LoopbackPair.Patience));
        Assert.True(pair.Connection.ConnectionClosed.IsCancellationRequested);
    }

    [Fact]
    public async Task Listener_PortInUse_SaysSo()
    {
        await using var first = new DirectListener(new IPEndPoint(IPAddress.Loopback, 0), LoopbackPair.Loops);
        Assert.Throws<AddressInUseException>(() => new DirectListener((IPEndPoint)first.EndPoint, LoopbackPair.Loops));
    }

    [Fact]
    public async Task Listener_Unbound_EndsAccepting()
    {
        await using var listener = new DirectListener(new IPEndPoint(IPAddress.Loopback, 0), LoopbackPair.Loops);
        var accepting = listener.AcceptAsync();
        Assert.False(accepting.IsCompleted);
        await listener.UnbindAsync();
        Assert.Null(await accepting.AsTask().WaitAsync(LoopbackPair.Patience));
        Assert.Null(await listener.AcceptAsync());
    }

    [Fact]
    public async Task Transport_OtherEndPoints_AreLeftToKestrel()
    {
        using var transport = new DirectTransport();
        Assert.False(transport.CanBind(new IPEndPoint(IPAddress.Loopback, 0)));
        var endPoint = new DirectEndPoint(IPAddress.Loopback, 0);
        Assert.True(transport.CanBind(endPoint));
        await using var listener = await transport.BindAsync(endPoint);
        Assert.NotEqual(0, ((IPEndPoint)listener.EndPoint).Port);
    }
}
