using System.Buffers;
using System.IO.Pipelines;
using System.Net.Security;
using Granary.Gateway.Tests.Sockets;
using Granary.Gateway.Tls;
using Microsoft.Extensions.Logging.Abstractions;

namespace Granary.Gateway.Tests.Tls;

/// <summary>What is read and written through TLS on a socket of the transport's own.</summary>
public sealed class TlsTransportTests
{
    [Fact]
    public void Stream_InPiecesOfAnySize_ArrivesAsItWasSent() => StreamWalk.Check(async walk =>
    {
        await using var pair = await TlsPair.OpenAsync();
        var random = new Random(walk.Seed);
        var sending = SendAsClientAsync(pair, walk);
        for (long position = 0; position < walk.Length;)
        {
            var read = await pair.Input.ReadAsync().AsTask().WaitAsync(LoopbackPair.Patience);
            var taken = read.Buffer.Slice(0, random.NextInt64(read.Buffer.Length) + 1);
            Assert.Equal(-1, LoopbackPair.FirstWrong(taken.ToArray(), position));
            position += taken.Length;

            // At times more is waited for although some is left.
            var isLast = position - taken.Length + read.Buffer.Length == walk.Length;
            pair.Input.AdvanceTo(taken.End, !isLast && random.Next(4) == 0 ? read.Buffer.End : taken.End);
        }

        await sending;
    });

    [Fact]
    public void Stream_WrittenInAnyWay_ArrivesInOrder() => StreamWalk.Check(async walk =>
    {
        await using var pair = await TlsPair.OpenAsync();
        var random = new Random(walk.Seed);
        var reading = pair.ReadAsClientAsync(walk.Length);
        for (long position = 0; position < walk.Length;)
        {
            var size = (int)Math.Min(walk.Length - position, random.Next(1, random.Next(8) == 0 ? 200_000 : 2000));
            if (random.Next(3) == 0)
            {
                var lent = new byte[size];
                LoopbackPair.Fill(lent, position);
                pair.Output.Lend(lent, null);
            }
            else
            {
                LoopbackPair.Fill(pair.Output.GetSpan(size)[..size], position);
                pair.Output.Advance(size);
            }

            position += size;
            if (random.Next(4) == 0 || position == walk.Length)
            {
                await pair.Output.FlushAsync().AsTask().WaitAsync(LoopbackPair.Patience);
                Assert.Equal(0, pair.Output.UnflushedBytes);
            }
        }

        Assert.Equal(walk.Length, await reading);
    });

    [Fact]
    public async Task Connection_AtRest_HoldsNoMemoryOfThePool()
    {
        await using var pair = await TlsPair.OpenAsync();
        var read = pair.Input.ReadAsync().AsTask();
        await pair.Client.WriteAsync("ping"u8.ToArray());
        pair.Input.AdvanceTo((await read.WaitAsync(LoopbackPair.Patience)).Buffer.End);
        Assert.True(pair.Input.HoldsBlock);

        pair.Output.Write("pong"u8);
        await pair.Output.FlushAsync();
        var next = pair.Input.ReadAsync().AsTask();
        Assert.Equal(4, await pair.Client.ReadAsync(new byte[16]).AsTask().WaitAsync(LoopbackPair.Patience));

        Assert.False(pair.Input.HoldsBlock);
        Assert.False(pair.Output.HoldsBlock);
        Assert.False(pair.Beneath.Input.HoldsBlock);
        Assert.False(next.IsCompleted);
    }

    [Fact]
    public async Task Read_Cancelled_EndsWithoutAnError()
    {
        await using var pair = await TlsPair.OpenAsync();
        var read = pair.Input.ReadAsync().AsTask();
        pair.Input.CancelPendingRead();

        Assert.True((await read.WaitAsync(LoopbackPair.Patience)).IsCanceled);
    }

    [Fact]
    public async Task Client_ThatGoesWithoutAWord_IsTheEndOfTheStreamOrAFailure()
    {
        await using var pair = await TlsPair.OpenAsync();
        var read = pair.Input.ReadAsync().AsTask();
        pair.Beneath.Vanish();

        var end = await Record.ExceptionAsync(() => read.WaitAsync(LoopbackPair.Patience));
        Assert.True(end is IOException || (end is null && (await read).IsCompleted), $"{end}");
    }

    [Fact]
    public async Task Close_AfterAFlush_TellsTheClientThatNothingMoreComes()
    {
        await using var pair = await TlsPair.OpenAsync();
        LoopbackPair.Fill(pair.Output.GetSpan(100)[..100], 0);
        pair.Output.Advance(100);
        await pair.Output.FlushAsync();
        await pair.Transport.CloseAsync();

        // An end that is not told is an exception at many clients.
        Assert.Equal(100, await pair.ReadAsClientAsync(long.MaxValue));
        Assert.False(pair.Beneath.Connection.ConnectionClosed.IsCancellationRequested);
    }

    [Fact]
    public async Task Write_AfterTheEnd_IsDropped()
    {
        await using var pair = await TlsPair.OpenAsync();
        await pair.Transport.CloseAsync();
        pair.Output.Write(new byte[100_000]);

        Assert.True((await pair.Output.FlushAsync()).IsCompleted);
    }

    [Fact]
    public async Task Client_ThatReadsNothing_HoldsTheFlushAndNotTheEnd()
    {
        await using var pair = await TlsPair.OpenAsync(clientBuffer: 16 * 1024);
        pair.Output.Write(new byte[32 * 1024 * 1024]);
        var flush = pair.Output.FlushAsync().AsTask();
        Assert.False(flush.IsCompleted);

        await pair.Transport.CloseAsync().WaitAsync(LoopbackPair.Patience);
        await pair.Beneath.Connection.DisposeAsync().AsTask().WaitAsync(LoopbackPair.Patience);
        Assert.True((await flush.WaitAsync(LoopbackPair.Patience)).IsCompleted);
    }

    [Fact]
    public async Task Octets_ThatAreNoTls_FailTheRead()
    {
        await using var pair = await TlsPair.OpenAsync();
        var read = pair.Input.ReadAsync().AsTask();
        await pair.Beneath.Client.SendAsync("GET / HTTP/1.1\r\n\r\n"u8.ToArray());

        await Assert.ThrowsAsync<IOException>(() => read.WaitAsync(LoopbackPair.Patience));
    }

    [Fact]
    public async Task Messages_BackAndForth_AllocateNothing()
    {
        using var certificates = new TestCertificates();
        var (toGateway, toClient) = (new Pipe(), new Pipe());
        var tls = new RenewedTls(certificates.Options, TimeProvider.System, NullLogger<RenewedTls>.Instance);
        var opening = TlsTransport.OpenAsync(new Ends(toGateway.Reader, toClient.Writer), new TlsHandshake(tls).Options, CancellationToken.None);
        await using var client = new SslStream(new EncryptedStream(toClient.Reader, toGateway.Writer));
        await client.AuthenticateAsClientAsync(certificates.Client()).WaitAsync(LoopbackPair.Patience);
        var gateway = await opening.WaitAsync(LoopbackPair.Patience);

        var message = new byte[1000];
        var allocated = long.MaxValue;
        for (var round = 0; round < 3; round++)
        {
            allocated = Allocated(() => Echo(gateway, client, message, times: 1000));
        }

        Assert.Equal(0, allocated / 1000);
        await gateway.CloseAsync();
    }

    // Of this thread alone, on which all of it is done.
    private static long Allocated(Action act)
    {
        var before = GC.GetAllocatedBytesForCurrentThread();
        act();
        return GC.GetAllocatedBytesForCurrentThread() - before;
    }

    private static void Echo(TlsTransport gateway, SslStream client, byte[] message, int times)
    {
        for (var i = 0; i < times; i++)
        {
            Now(client.WriteAsync(message));
            var read = Now(gateway.Input.ReadAsync());
            gateway.Output.Write(read.Buffer.FirstSpan);
            gateway.Input.AdvanceTo(read.Buffer.End);
            Now(gateway.Output.FlushAsync());
            if (Now(client.ReadAsync(message)) != message.Length)
            {
                throw new InvalidDataException("Not all of it came back.");
            }
        }
    }

    // Assertions would allocate.
    private static void Now(ValueTask task)
    {
        if (!task.IsCompleted)
        {
            throw new InvalidOperationException("It is not complete at once.");
        }

        task.GetAwaiter().GetResult();
    }

    private static T Now<T>(ValueTask<T> task) =>
        task.IsCompleted ? task.GetAwaiter().GetResult() : throw new InvalidOperationException("It is not complete at once.");

    private static async Task SendAsClientAsync(TlsPair pair, StreamWalk walk)
    {
        var random = new Random(walk.Seed + 1);
        var buffer = new byte[100_000];
        for (long position = 0; position < walk.Length;)
        {
            var size = (int)Math.Min(walk.Length - position, random.Next(1, random.Next(3) == 0 ? buffer.Length : 1500));
            LoopbackPair.Fill(buffer.AsSpan(0, size), position);
            await pair.Client.WriteAsync(buffer.AsMemory(0, size));
            position += size;
        }
    }

    private sealed record Ends(PipeReader Input, PipeWriter Output) : IDuplexPipe;
}
