using System.Buffers;
using System.IO.Pipelines;
using Granary.Gateway.Sockets;
using Microsoft.AspNetCore.Connections;

namespace Granary.Gateway.Tests.Sockets;

public sealed class SocketOutputTests
{
    private const int MostUnsent = 256 * 1024;

    // Beyond what the kernels of both ends take.
    private const int Plenty = 32 * 1024 * 1024;

    [Fact]
    public void Output_RandomWritesAndSlowReader_EveryOctetArrivesOnce() => StreamWalk.Check(WriteAsync);

    private static async Task WriteAsync(StreamWalk walk)
    {
        var (length, seed) = walk;
        await using var pair = await LoopbackPair.OpenAsync(clientBuffer: 16 * 1024);
        var reading = Task.Run(() => ReadSlowlyAsync(pair, length, new Random(seed)));
        var random = new Random(seed);
        var flush = default(ValueTask<FlushResult>);
        long position = 0;
        while (position < length)
        {
            position += Write(pair.Output, random, position, (int)Math.Min(length - position, int.MaxValue));
            if (flush.IsCompleted || random.Next(40) == 0)
            {
                Assert.False((await flush.AsTask().WaitAsync(LoopbackPair.Patience)).IsCompleted);
                flush = default;
                if (random.Next(3) == 0)
                {
                    flush = pair.Output.FlushAsync();
                    Assert.Equal(0, pair.Output.UnflushedBytes);
                }
            }
        }

        await flush.AsTask().WaitAsync(LoopbackPair.Patience);
        await pair.Output.FlushAsync().AsTask().WaitAsync(LoopbackPair.Patience);
        Assert.Equal(length, await reading.WaitAsync(LoopbackPair.Patience));
    }

    [Fact]
    public async Task Span_TakenAndNotWrittenBeforeALargerOne_HoldsNothingUp()
    {
        await using var pair = await LoopbackPair.OpenAsync();
        var length = 40 * 1024;
        LoopbackPair.Fill(pair.Output.GetSpan(length), 0);
        pair.Output.Advance(length);
        pair.Output.GetSpan(length);
        LoopbackPair.Fill(pair.Output.GetSpan(8 * length), length);
        pair.Output.Advance(length);
        await pair.Output.FlushAsync();
        Assert.Equal(2 * length, await pair.ReadAsClientAsync(2 * length));
    }

    [Fact]
    public async Task Flush_TooMuchUnsent_WaitsUntilTheClientReads()
    {
        await using var pair = await LoopbackPair.OpenAsync(clientBuffer: 16 * 1024);
        var flush = Write(pair.Output, Plenty);
        Assert.False(flush.IsCompleted);
        Assert.Equal(Plenty, await pair.ReadAsClientAsync(Plenty));
        Assert.False((await flush.AsTask().WaitAsync(LoopbackPair.Patience)).IsCompleted);
    }

    [Fact]
    public async Task Flush_NotTooMuchUnsent_IsCompleteAtOnce()
    {
        await using var pair = await LoopbackPair.OpenAsync();
        Assert.True(Write(pair.Output, MostUnsent).IsCompletedSuccessfully);
        Assert.Equal(MostUnsent, await pair.ReadAsClientAsync(MostUnsent));
    }

    [Theory]
    [InlineData("vanish")]
    [InlineData("abort")]
    [InlineData("dispose")]
    [InlineData("complete")]
    public async Task Flush_ThatWaitsWhenTheConnectionEnds_SaysSo(string end)
    {
        await using var pair = await LoopbackPair.OpenAsync(clientBuffer: 16 * 1024);
        var flush = Write(pair.Output, Plenty).AsTask();
        Assert.False(flush.IsCompleted);
        switch (end)
        {
            case "vanish":
                pair.Vanish();
                break;
            case "abort":
                pair.Connection.Abort(new ConnectionAbortedException());
                break;
            case "dispose":
                await pair.Connection.DisposeAsync().AsTask().WaitAsync(LoopbackPair.Patience);
                break;
            default:
                pair.Output.Complete();
                break;
        }

        Assert.True((await flush.WaitAsync(LoopbackPair.Patience)).IsCompleted);
        Assert.True((await pair.Output.FlushAsync()).IsCompleted);
    }

    [Fact]
    public async Task Flush_AfterAbort_SaysThatNobodyReads()
    {
        await using var pair = await LoopbackPair.OpenAsync();
        pair.Connection.Abort(new ConnectionAbortedException());
        pair.Output.Write("x"u8);
        Assert.True((await pair.Output.FlushAsync()).IsCompleted);
    }

    [Fact]
    public async Task Lend_BetweenWrites_IsSentFromWhereItIs()
    {
        await using var pair = await LoopbackPair.OpenAsync();
        var lent = new byte[100_000];
        pair.Output.Write([LoopbackPair.OctetAt(0)]);
        pair.Output.Lend(lent, owner: null);
        pair.Output.Write([LoopbackPair.OctetAt(lent.Length + 1)]);
        Assert.Equal(lent.Length + 2, pair.Output.UnflushedBytes);

        // Not copied before: what is sent is what is there now.
        LoopbackPair.Fill(lent, 1);
        await pair.Output.FlushAsync();

        Assert.Equal(lent.Length + 2, await pair.ReadAsClientAsync(lent.Length + 2));
        Assert.True(SpinWait.SpinUntil(() => !pair.Output.HoldsBlock, LoopbackPair.Patience));
    }

    [Theory]
    [InlineData(100)]
    [InlineData(200 * 1024)]
    public async Task Output_AllSent_HoldsNoBlock(int length)
    {
        await using var pair = await LoopbackPair.OpenAsync(clientBuffer: 16 * 1024);
        for (var round = 0; round < 20; round++)
        {
            await Write(pair.Output, length);
            Assert.Equal(length, await pair.ReadAsClientAsync(length));
            Assert.True(SpinWait.SpinUntil(() => !pair.Output.HoldsBlock, LoopbackPair.Patience), $"Round {round}.");
        }
    }

    private static ValueTask<FlushResult> Write(SocketOutput output, int length)
    {
        var octets = new byte[length];
        LoopbackPair.Fill(octets, 0);
        output.Write(octets);
        return output.FlushAsync();
    }

    private static int Write(SocketOutput output, Random random, long position, int most)
    {
        if (random.Next(3) == 0)
        {
            var lent = new byte[Math.Min(most, random.Next(random.Next(2) == 0 ? 10 : 300_000))];
            LoopbackPair.Fill(lent, position);
            if (lent.Length > 0)
            {
                output.Lend(lent, owner: null);
            }

            return lent.Length;
        }

        var size = Math.Min(most, random.Next(4) switch
        {
            0 => random.Next(1, 40),
            1 => random.Next(1, 3000),
            2 => random.Next(1, 20_000),
            _ => random.Next(random.Next(1, 150_000)),
        });
        if (random.Next(8) == 0)
        {
            output.Advance(0);
            output.GetSpan(random.Next(50_000));
        }

        var span = output.GetSpan(size);
        Assert.True(span.Length >= size);
        var used = Math.Min(most, random.Next(2) == 0 ? size : random.Next(span.Length + 1));
        LoopbackPair.Fill(span[..used], position);
        output.Advance(used);
        return used;
    }

    private static async Task<long> ReadSlowlyAsync(LoopbackPair pair, long length, Random random)
    {
        var buffer = new byte[32 * 1024];
        long position = 0;
        while (position < length)
        {
            var count = await pair.Client.ReceiveAsync(buffer.AsMemory(0, random.Next(1, buffer.Length)));
            Assert.NotEqual(0, count);
            Assert.Equal(-1, LoopbackPair.FirstWrong(buffer.AsSpan(0, count), position));
            position += count;
            Thread.SpinWait(random.Next(2000));
        }

        return position;
    }
}
