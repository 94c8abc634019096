using System.Buffers;
using System.IO.Pipelines;
using System.Net.Sockets;
using Microsoft.AspNetCore.Connections;

namespace Granary.Gateway.Tests.Sockets;

public sealed class SocketInputTests
{
    [Fact]
    public void Input_RandomPiecesConsumedAndExamined_ShowsWhatWasNotConsumed() => StreamWalk.Check(ConsumeAsync);

    [Fact]
    public void Input_RandomTargets_FillsThemFirstAndReadsTheRest() => StreamWalk.Check(FillTargetsAsync);

    private static async Task ConsumeAsync(StreamWalk walk)
    {
        var (length, seed) = walk;
        await using var pair = await LoopbackPair.OpenAsync();
        var sending = Task.Run(() => SendAsync(pair.Client, length, new Random(seed)));
        var random = new Random(seed);
        long consumed = 0, examined = 0;
        while (true)
        {
            var read = await ReadAsync(pair);
            var (buffer, end) = (read.Buffer, consumed + read.Buffer.Length);
            Assert.True(read.IsCompleted || end > examined, $"Nothing new beyond {examined}.");
            Assert.True(buffer.IsSingleSegment);
            Assert.Equal(-1, LoopbackPair.FirstWrong(buffer.FirstSpan, consumed));
            if (read.IsCompleted && random.Next(2) == 0)
            {
                Assert.Equal(length, end);
                break;
            }

            // Now and then much is left, so that the buffer must grow.
            var taken = random.Next(6) == 0 && buffer.Length < 400_000 ? 0 : random.Next(3) == 0 ? buffer.Length : random.NextInt64(buffer.Length + 1);
            var seen = random.Next(2) == 0 ? buffer.Length : taken + random.NextInt64(buffer.Length - taken + 1);
            pair.Input.AdvanceTo(buffer.GetPosition(taken), buffer.GetPosition(seen));
            (consumed, examined) = (consumed + taken, consumed + seen);
        }

        await sending;
    }

    private static async Task FillTargetsAsync(StreamWalk walk)
    {
        var (length, seed) = walk;
        await using var pair = await LoopbackPair.OpenAsync();
        var sending = Task.Run(() => SendAsync(pair.Client, length, new Random(seed)));
        var random = new Random(seed);
        long consumed = 0;
        var targets = 0;
        for (var isCompleted = false; !isCompleted;)
        {
            var target = new byte[random.Next(2) == 0 ? 0 : random.Next(1, random.Next(2) == 0 ? 100 : 200_000)];
            pair.Input.Target = target;
            var read = await ReadAsync(pair);
            var targeted = pair.Input.TakeTargeted();
            Assert.True(targeted <= target.Length);
            Assert.Equal(-1, LoopbackPair.FirstWrong(target.AsSpan(0, targeted), consumed));
            consumed += targeted;
            targets += targeted > 0 ? 1 : 0;
            Assert.Equal(-1, LoopbackPair.FirstWrong(read.Buffer.FirstSpan, consumed));
            consumed += read.Buffer.Length;
            pair.Input.AdvanceTo(read.Buffer.End);
            isCompleted = read.IsCompleted;
        }

        Assert.Equal(length, consumed);
        Assert.True(targets > 0 || length < 1024 * 1024);
        await sending;
    }

    [Fact]
    public async Task Read_AllExaminedNothingConsumed_WaitsForMore()
    {
        await using var pair = await LoopbackPair.OpenAsync();
        await pair.Client.SendAsync("ab"u8.ToArray());
        var read = await ReadAsync(pair);
        pair.Input.AdvanceTo(read.Buffer.Start, read.Buffer.End);
        var waiting = pair.Input.ReadAsync();
        Assert.False(waiting.IsCompleted);
        await pair.Client.SendAsync("c"u8.ToArray());
        read = await waiting.AsTask().WaitAsync(LoopbackPair.Patience);
        Assert.Equal("abc"u8.ToArray(), read.Buffer.ToArray());
    }

    [Fact]
    public async Task Read_ConsumedLessThanThereIs_ShowsTheRestAtOnce()
    {
        await using var pair = await LoopbackPair.OpenAsync();
        await pair.Client.SendAsync("abc"u8.ToArray());
        var read = await ReadAsync(pair);
        pair.Input.AdvanceTo(read.Buffer.GetPosition(1));
        Assert.True(pair.Input.TryRead(out read));
        Assert.Equal("bc"u8.ToArray(), read.Buffer.ToArray());
        pair.Input.AdvanceTo(read.Buffer.End);
        Assert.False(pair.Input.TryRead(out _));
    }

    [Fact]
    public async Task Read_FrameOfAMegabyte_IsShownWhole()
    {
        const int Size = 1024 * 1024;
        await using var pair = await LoopbackPair.OpenAsync();
        var sending = Task.Run(() => SendAsync(pair.Client, Size, new Random(1)));
        ReadResult read;
        while ((read = await ReadAsync(pair)).Buffer.Length < Size)
        {
            Assert.False(read.IsCompleted);
            pair.Input.AdvanceTo(read.Buffer.Start, read.Buffer.End);
        }

        Assert.Equal(-1, LoopbackPair.FirstWrong(read.Buffer.FirstSpan, 0));
        await sending;
    }

    [Fact]
    public async Task Read_PacketsOfAboutTheSmallBuffersSize_EndsEachWaitOnce()
    {
        const int Rounds = 20_000;
        await using var pair = await LoopbackPair.OpenAsync();
        var octets = new byte[4200];
        LoopbackPair.Fill(octets, 0);
        var reading = ReadAllAsync();
        for (var round = 0; round < Rounds; round++)
        {
            pair.Client.Send(octets.AsSpan(0, 4000 + (round % 200)));
        }

        pair.Client.Shutdown(SocketShutdown.Send);
        Assert.Equal(Enumerable.Range(0, Rounds).Sum(round => 4000L + (round % 200)), await reading.WaitAsync(LoopbackPair.Patience));

        async Task<long> ReadAllAsync()
        {
            for (var total = 0L; ;)
            {
                var read = await pair.Input.ReadAsync();
                total += read.Buffer.Length;
                pair.Input.AdvanceTo(read.Buffer.End);
                if (read.IsCompleted)
                {
                    return total;
                }
            }
        }
    }

    [Fact]
    public async Task Read_ThatWaits_HoldsNoBlock()
    {
        const int Size = 300 * 1024;
        await using var pair = await LoopbackPair.OpenAsync();
        var waiting = pair.Input.ReadAsync();
        Assert.False(pair.Input.HoldsBlock);
        await SendAsync(pair.Client, Size, new Random(1), close: false);
        var size = 0L;
        while (true)
        {
            var read = await waiting.AsTask().WaitAsync(LoopbackPair.Patience);
            size += read.Buffer.Length;
            pair.Input.AdvanceTo(read.Buffer.End);
            waiting = pair.Input.ReadAsync();
            if (size == Size)
            {
                break;
            }
        }

        Assert.False(waiting.IsCompleted);
        Assert.False(pair.Input.HoldsBlock);
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task Read_TokenCanceled_Throws(bool isWaiting)
    {
        await using var pair = await LoopbackPair.OpenAsync();
        using var cancellation = new CancellationTokenSource();
        if (!isWaiting)
        {
            await cancellation.CancelAsync();
        }

        var waiting = pair.Input.ReadAsync(cancellation.Token).AsTask();
        await cancellation.CancelAsync();
        var exception = await Assert.ThrowsAnyAsync<OperationCanceledException>(() => waiting.WaitAsync(LoopbackPair.Patience));
        Assert.Equal(cancellation.Token, exception.CancellationToken);
    }

    [Fact]
    public async Task Read_TokenCanceledAgainstArrivals_EndsEitherWay()
    {
        for (var round = 0; round < 200; round++)
        {
            await using var pair = await LoopbackPair.OpenAsync();
            using var cancellation = new CancellationTokenSource();
            var waiting = pair.Input.ReadAsync(cancellation.Token).AsTask();
            var sending = Task.Run(() => pair.Client.Send("x"u8));
            await cancellation.CancelAsync();
            await sending;
            var (read, exception) = await EndAsync(waiting);
            Assert.True(exception is OperationCanceledException || read.Buffer.Length == 1, $"Round {round}: {exception}");
        }
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task Read_PendingReadCanceled_SaysSo(bool isWaiting)
    {
        await using var pair = await LoopbackPair.OpenAsync();
        var waiting = isWaiting ? pair.Input.ReadAsync().AsTask() : null;
        pair.Input.CancelPendingRead();
        waiting ??= pair.Input.ReadAsync().AsTask();
        var read = await waiting.WaitAsync(LoopbackPair.Patience);
        Assert.True(read.IsCanceled);
        pair.Input.AdvanceTo(read.Buffer.End);
        Assert.True((await ReadAsync(pair)).IsCanceled);
    }

    [Theory]
    [InlineData("abort")]
    [InlineData("vanish")]
    public async Task Read_ConnectionCutWhileWaiting_EndsIt(string how)
    {
        await using var pair = await LoopbackPair.OpenAsync();
        var waiting = pair.Input.ReadAsync().AsTask();
        if (how == "abort")
        {
            pair.Connection.Abort(new ConnectionAbortedException());
        }
        else
        {
            pair.Vanish();
        }

        var (read, exception) = await EndAsync(waiting);
        Assert.True(exception is IOException || read.IsCompleted, $"{exception}");
    }

    [Fact]
    public async Task Read_AfterAbort_Throws()
    {
        await using var pair = await LoopbackPair.OpenAsync();
        pair.Connection.Abort(new ConnectionAbortedException());
        await Assert.ThrowsAsync<IOException>(() => ReadAsync(pair));
    }

    [Fact]
    public async Task Read_ClientHasEndedItsHalf_ShowsTheRestAndTheEndAndMayAnswer()
    {
        await using var pair = await LoopbackPair.OpenAsync();
        await pair.Client.SendAsync("ab"u8.ToArray());
        pair.Client.Shutdown(SocketShutdown.Send);
        var read = await ReadAsync(pair);
        while (!read.IsCompleted)
        {
            pair.Input.AdvanceTo(read.Buffer.Start, read.Buffer.End);
            read = await ReadAsync(pair);
        }

        Assert.Equal("ab"u8.ToArray(), read.Buffer.ToArray());
        pair.Input.AdvanceTo(read.Buffer.Start, read.Buffer.End);
        Assert.True((await ReadAsync(pair)).IsCompleted);
        var answer = new byte[1000];
        LoopbackPair.Fill(answer, 0);
        await pair.Output.WriteAsync(answer);
        Assert.Equal(answer.Length, await pair.ReadAsClientAsync(answer.Length));
    }

    private static Task<ReadResult> ReadAsync(LoopbackPair pair) => pair.Input.ReadAsync().AsTask().WaitAsync(LoopbackPair.Patience);

    private static async Task<(ReadResult Read, Exception? Exception)> EndAsync(Task<ReadResult> waiting)
    {
        try
        {
            return (await waiting.WaitAsync(LoopbackPair.Patience), null);
        }
        catch (Exception exception) when (exception is IOException or OperationCanceledException)
        {
            return (default, exception);
        }
    }

    private static async Task SendAsync(Socket client, int length, Random random, bool close = true)
    {
        var octets = new byte[length];
        LoopbackPair.Fill(octets, 0);
        for (var position = 0; position < length;)
        {
            var piece = Math.Min(length - position, random.Next(1, random.Next(4) == 0 ? 200_000 : 5000));
            position += await client.SendAsync(octets.AsMemory(position, piece));
        }

        if (close)
        {
            client.Shutdown(SocketShutdown.Send);
        }
    }
}
