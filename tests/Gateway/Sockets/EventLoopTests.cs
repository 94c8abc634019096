using System.Net;
using System.Net.Sockets;
using Granary.Gateway.Sockets;

namespace Granary.Gateway.Tests.Sockets;

public sealed class EventLoopTests
{
    [Fact]
    public async Task Loop_ManyConnections_TellsEachOfItsOwn()
    {
        const int Count = 400;
        var pairs = await Task.WhenAll(Enumerable.Range(0, Count).Select(_ => LoopbackPair.OpenAsync()));
        var waiting = pairs.Select(pair => pair.Input.ReadAsync().AsTask()).ToArray();
        for (var i = 0; i < Count; i++)
        {
            pairs[i].Client.Send(BitConverter.GetBytes(i));
        }

        for (var i = 0; i < Count; i++)
        {
            var read = await waiting[i].WaitAsync(LoopbackPair.Patience);
            Assert.Equal(i, BitConverter.ToInt32(read.Buffer.FirstSpan));
            await pairs[i].DisposeAsync();
        }
    }

    [Fact]
    public async Task Loop_SocketOfAClosedConnectionsHandle_IsAnotherOne()
    {
        // Handles are given again at once: what is left of the first connection must not reach the next.
        for (var round = 0; round < 200; round++)
        {
            await using var pair = await LoopbackPair.OpenAsync();
            var waiting = pair.Input.ReadAsync().AsTask();
            pair.Client.Send("x"u8);
            Assert.Equal(1, (await waiting.WaitAsync(LoopbackPair.Patience)).Buffer.Length);
        }
    }

    [Fact]
    public async Task Transport_Disposed_EndsItsThreads()
    {
        var transport = new DirectTransport();
        await using (await transport.BindAsync(new DirectEndPoint(IPAddress.Loopback, 0)))
        {
            // It waits for the threads.
            await Task.Run(transport.Dispose).WaitAsync(LoopbackPair.Patience);
        }
    }

    [Fact]
    public async Task Connection_CutWhileItsSendWaitsForRoom_LosesTheRest()
    {
        await using var pair = await LoopbackPair.OpenAsync(clientBuffer: 16 * 1024);
        pair.Output.Advance(0);
        var block = pair.Output.GetMemory(32 * 1024 * 1024);
        pair.Output.Advance(block.Length);
        var flush = pair.Output.FlushAsync().AsTask();
        pair.Client.LingerState = new LingerOption(true, 0);
        pair.Client.Dispose();
        Assert.True((await flush.WaitAsync(LoopbackPair.Patience)).IsCompleted);
        await pair.Output.WhenSentAsync().WaitAsync(LoopbackPair.Patience);
    }
}
