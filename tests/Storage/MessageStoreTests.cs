using Granary.Core.Links;
using Granary.Core.Messages;
using Granary.Silo.Queues.Messages;
using Granary.Silo.Storage;

namespace Granary.Storage.Tests;

/// <summary>What every <see cref="IMessageStore"/> must do. A store's own class says only where its home is.</summary>
public abstract partial class MessageStoreTests : IAsyncLifetime
{
    private StoreSession? _session;

    private protected StoreSession Session => _session ?? throw new InvalidOperationException("The test has not begun.");

    public async Task InitializeAsync()
    {
        _session = new StoreSession(await NewHomeAsync());
        await _session.OpenAsync();
    }

    public async Task DisposeAsync() => await Session.DisposeAsync();

    /// <summary>An empty home of its own.</summary>
    private protected abstract Task<IStoreHome> NewHomeAsync();

    [Theory]
    [InlineData(1)]
    [InlineData(300)]
    [InlineData(70_000)]
    public async Task Read_AfterAFlush_GivesTheMessagesAsWritten(int size)
    {
        var queue = await Session.CreateAsync();
        var run = Messages.Run(5, 20, size, due: 1_900_000_000_123);

        await Session.WriteAsync(queue, run);

        Assert.Equal(Messages.Of(run), await Session.ReadAsync(queue));
    }

    [Fact]
    public async Task Count_OfMessages_IsOfThoseThatAreNotSettled()
    {
        var (one, other, empty) = (await Session.CreateAsync("%2F/one"), await Session.CreateAsync("%2F/other"), await Session.CreateAsync("%2F/empty"));
        await Session.WriteAsync(one, Messages.Run(0, 3000), Messages.Run(5000, 10));
        await Session.WriteAsync(other, Messages.Run(7, 4));
        await Session.WriteAsync(empty, Messages.Run(0, 2));
        await Session.SettleAsync(one, new OffsetRange(0, 100), new OffsetRange(900, 300), new OffsetRange(2999, 1), new OffsetRange(5005, 2));
        await Session.SettleAsync(empty, new OffsetRange(0, 2));

        await Session.CrashAndOpenAsync();

        var counts = await Session.Store.CountMessagesAsync(CancellationToken.None);
        Assert.Equal([(one.Identity, 2607L), (other.Identity, 4L)], counts.Where(count => count.Messages > 0).OrderBy(count => count.Queue.Key, StringComparer.Ordinal));
    }

    [Fact]
    public async Task Read_NothingStored_IsEmpty()
    {
        var queue = Session.Store.Create(StoreSession.Identity("a"), 1);
        Assert.Empty(await Session.Store.ReadAsync(queue, 0, long.MaxValue, 1000, CancellationToken.None));

        await Session.FlushAsync(new QueueChanges(queue) { IsCreated = true });
        Assert.Empty(await Session.Store.ReadAsync(queue, 0, long.MaxValue, 1000, CancellationToken.None));
    }

    [Fact]
    public async Task ReadRanges_InAnyOrder_GivesThemInThatOrder()
    {
        var queue = await Session.CreateAsync();
        await Session.WriteAsync(queue, Messages.Run(10, 100), Messages.Run(200, 100, size: 30_000));
        await Session.SettleAsync(queue, new OffsetRange(52, 2));

        OffsetRange[] ranges = [new(250, 2), new(50, 5), new(0, 11), new(120, 20), new(55, 1), new(299, 50)];
        long[] expected = [250, 251, 50, 51, 54, 10, 55, 299];
        Assert.Equal(expected, (await Session.ReadAsync(queue, ranges, bytes: 1)).Select(message => message.Offset));
        Assert.Equal(expected, (await Session.ReadAsync(queue, ranges, bytes: 1 << 24)).Select(message => message.Offset));
        Assert.Empty(await Session.Store.ReadAsync(queue, [new OffsetRange(120, 20), new OffsetRange(400, 1)], 1, CancellationToken.None));
    }

    [Fact]
    public async Task Read_FromAndEndInsideBatches_GivesExactlyTheRange()
    {
        var queue = await Session.CreateAsync();
        await Session.WriteAsync(queue, Messages.Run(10, 100), Messages.Run(200, 100));
        await Session.WriteAsync(queue, Messages.Run(300, 100));

        Assert.Equal(Offsets(50, 110, 200, 210), await Session.ReadOffsetsAsync(queue, 50, 210));
        Assert.Equal(Offsets(399, 400), await Session.ReadOffsetsAsync(queue, 399));
        Assert.Equal(Offsets(10, 11), await Session.ReadOffsetsAsync(queue, 0, 11));
        Assert.Empty(await Session.ReadOffsetsAsync(queue, 110, 200));
        Assert.Empty(await Session.ReadOffsetsAsync(queue, 400));
    }

    [Theory]
    [InlineData(1)]
    [InlineData(100)]
    [InlineData(5_000)]
    public async Task Read_InPieces_GivesAboutTheBytesAskedForAndAtLeastOneMessage(int bytes)
    {
        var queue = await Session.CreateAsync();
        for (var i = 0; i < 20; i++)
        {
            await Session.WriteAsync(queue, Messages.Run(i * 10, 10, size: 100));
        }

        var first = await Session.Store.ReadAsync(queue, 0, long.MaxValue, bytes, CancellationToken.None);
        Assert.InRange(Messages.BytesOf(first), 1, bytes + 10 * 200);
        Assert.Equal(Offsets(0, 200), (await Session.ReadAsync(queue, bytes: bytes)).Select(message => message.Offset));
    }

    [Fact]
    public async Task Read_ManySmallRunsOfOneFlush_GivesEachWithItsOwnDue()
    {
        var queue = await Session.CreateAsync();
        MessageRun[] runs =
        [
            .. Enumerable.Range(0, 1500).Select(i => Messages.Run(i, 1, 10 + i % 7, due: i % 100 < 50 ? MessageRun.Never : 1_900_000_000_000 + i / 100)),
        ];

        await Session.WriteAsync(queue, runs);
        Assert.Equal(Messages.Of(runs), await Session.ReadAsync(queue));

        await Session.ReopenAsync();
        queue = await Session.TakeOverAsync(queue);
        Assert.Equal(Messages.Of(runs), await Session.ReadAsync(queue));
        Assert.Equal((1500, Messages.BytesOf(runs), runs.Sum(run => run.BodyLength())), (queue.Backlog.Count, queue.Backlog.Bytes, queue.Backlog.BodyBytes));
    }

    [Fact]
    public async Task Read_LargeRunSharedByQueues_GivesEachItsOwn()
    {
        var shared = Messages.Run(0, 40, size: 1000);
        StoredQueue[] queues = [await Session.CreateAsync("a"), await Session.CreateAsync("b"), await Session.CreateAsync("c")];
        var changes = queues.Select((queue, i) => new QueueChanges(queue) { Runs = { shared with { First = 100 * i, Due = 1_900_000_000_000 + i } } }).ToArray();
        await Session.FlushAsync(changes);
        await Session.SettleAsync(queues[0], new OffsetRange(10, 5));
        await Session.SettleAsync(queues[1], new OffsetRange(100, 40));

        foreach (var reopened in new[] { false, true })
        {
            if (reopened)
            {
                await Session.ReopenAsync();
                queues = await Task.WhenAll(queues.Select(Session.TakeOverAsync));
                Assert.Equal(35, queues[0].Backlog.Count);
                Assert.Equal((shared.Length, 40 * 1000), (queues[2].Backlog.Bytes, queues[2].Backlog.BodyBytes));
                Assert.Equal(35 * 1000, queues[0].Backlog.BodyBytes);
            }

            Assert.Equal(Offsets(0, 10, 15, 40), await Session.ReadOffsetsAsync(queues[0]));
            Assert.Empty(await Session.ReadOffsetsAsync(queues[1]));
            var third = await Session.ReadAsync(queues[2]);
            Assert.Equal(Offsets(200, 240), third.Select(message => message.Offset));
            Assert.Equal(Messages.Of(shared).Select(message => message.Body), third.Select(message => message.Body));
            Assert.All(third, message => Assert.Equal(1_900_000_000_002, message.Due));
        }
    }

    [Fact]
    public async Task Settled_InAnyPattern_NeverComesBack()
    {
        var queue = await Session.CreateAsync();
        await Session.WriteAsync(queue, Messages.Run(0, 100), Messages.Run(150, 50));
        await Session.SettleAsync(queue, new OffsetRange(0, 10), new OffsetRange(20, 5), new OffsetRange(90, 80));
        await Session.SettleAsync(queue, new OffsetRange(23, 10), new OffsetRange(199, 1));
        await Session.SettleAsync(queue, new OffsetRange(15, 30), new OffsetRange(180, 1));
        long[] left = [.. Offsets(10, 15, 45, 90), .. Offsets(170, 180, 181, 199)];

        Assert.Equal(left, await Session.ReadOffsetsAsync(queue));
        foreach (var crash in new[] { true, false })
        {
            await Session.RestartAsync(crash);
            queue = await Session.TakeOverAsync(queue);
            Assert.Equal(left, await Session.ReadOffsetsAsync(queue));
            Assert.Equal((left[0], left.Length, left.Length * 16), (queue.Backlog.First, queue.Backlog.Count, queue.Backlog.BodyBytes));
        }
    }

    [Fact]
    public async Task Settled_NeverStoredOrAlreadySettled_IsNoError()
    {
        var queue = await Session.CreateAsync();
        await Session.WriteAsync(queue, Messages.Run(100, 10));
        await Session.SettleAsync(queue, new OffsetRange(0, 50), new OffsetRange(60, 45), new OffsetRange(1000, int.MaxValue));
        await Session.SettleAsync(queue, new OffsetRange(0, 50), new OffsetRange(100, 2));

        Assert.Equal(Offsets(105, 110), await Session.ReadOffsetsAsync(queue));
    }

    [Fact]
    public async Task Settled_InTheFlushThatWritesThem_AreGone()
    {
        var queue = await Session.CreateAsync();
        await Session.FlushAsync(new QueueChanges(queue) { Runs = { Messages.Run(0, 10) }, Settled = { new OffsetRange(3, 4) } });

        Assert.Equal(Offsets(0, 3, 7, 10), await Session.ReadOffsetsAsync(queue));
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task Run_CoveringManySmallOnes_TakesTheirPlace(bool crash)
    {
        var queue = await Session.CreateAsync();
        for (var i = 0; i < 64; i++)
        {
            await Session.WriteAsync(queue, Messages.Run(i, 1, size: 30, mark: "old"));
        }

        await Session.WriteAsync(queue, Messages.Run(64, 10, size: 30, mark: "next"));
        var merged = Messages.Run(0, 64, size: 40, mark: "new", due: 1_900_000_000_000);
        await Session.WriteAsync(queue, merged);

        var expected = Messages.Of(merged, Messages.Run(64, 10, size: 30, mark: "next"));
        Assert.Equal(expected, await Session.ReadAsync(queue));
        await Session.RestartAsync(crash);
        queue = await Session.TakeOverAsync(queue);
        Assert.Equal(expected, await Session.ReadAsync(queue));
        Assert.Equal(74, queue.Backlog.Count);
    }

    [Fact]
    public async Task Run_CoveringPartsOfASparseOne_TakesTheirPlace()
    {
        var queue = await Session.CreateAsync();
        await Session.WriteAsync(queue, Messages.Run(0, 1000, mark: "old"), Messages.Run(1000, 10, mark: "old"));
        await Session.SettleAsync(queue, new OffsetRange(0, 100), new OffsetRange(110, 700), new OffsetRange(812, 188));
        MessageRun[] rewritten = [Messages.Run(100, 10, mark: "new"), Messages.Run(810, 2, mark: "new")];
        await Session.WriteAsync(queue, rewritten);
        var expected = Messages.Of([.. rewritten, Messages.Run(1000, 10, mark: "old")]);

        Assert.Equal(expected, await Session.ReadAsync(queue));
        await Session.SettleAsync(queue, new OffsetRange(105, 1));
        await Session.ReopenAsync();
        queue = await Session.TakeOverAsync(queue);
        Assert.Equal(expected.Where(message => message.Offset != 105), await Session.ReadAsync(queue));
        Assert.Equal(21, queue.Backlog.Count);
    }

    [Fact]
    public async Task Run_CoveringPartOfAStoredOne_LeavesTheRestOfIt()
    {
        var queue = await Session.CreateAsync();
        await Session.WriteAsync(queue, Messages.Run(0, 30, mark: "old"));
        await Session.WriteAsync(queue, Messages.Run(10, 10, mark: "new"));
        var expected = Messages.Of(Messages.Run(0, 10, mark: "old"), Messages.Run(10, 10, mark: "new"), Messages.Run(20, 10, mark: "old"));

        Assert.Equal(expected, await Session.ReadAsync(queue));
        await Session.CrashAndOpenAsync();
        queue = await Session.TakeOverAsync(queue);
        Assert.Equal(expected, await Session.ReadAsync(queue));
        Assert.Equal((30, Messages.BytesOf(Messages.Run(0, 10, mark: "old")) * 3), (queue.Backlog.Count, queue.Backlog.Bytes));
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task Transient_PagedOut_IsReadableInItsActivationAndGoneInTheNext(bool restart)
    {
        var queue = await Session.CreateAsync();
        await Session.TryFlushAsync([new QueueChanges(queue) { Runs = { Messages.Run(0, 20, persistent: false, due: 1) } }], mustSync: false);
        await Session.WriteAsync(queue, Messages.Run(20, 20, isPersistent: offset => offset % 3 == 0), Messages.Run(40, 5));

        Assert.Equal(Offsets(0, 45), await Session.ReadOffsetsAsync(queue));
        if (restart)
        {
            await Session.ReopenAsync();
        }

        queue = await Session.TakeOverAsync(queue);
        long[] left = [21, 24, 27, 30, 33, 36, 39, 40, 41, 42, 43, 44];
        Assert.Equal(left, await Session.ReadOffsetsAsync(queue));
        Assert.Equal((21, left.Length), (queue.Backlog.First, queue.Backlog.Count));
        Assert.Equal((Messages.BytesOf(Messages.Run(0, 1)) * left.Length, left.Length * 16), (queue.Backlog.Bytes, queue.Backlog.BodyBytes));
        Assert.Equal(long.MaxValue, queue.Backlog.NextDue);

        await Session.SettleAsync(queue, new OffsetRange(21, 10));
        await Session.CrashAndOpenAsync();
        queue = await Session.TakeOverAsync(queue);
        Assert.Equal(left.Skip(4), await Session.ReadOffsetsAsync(queue));
    }

    [Fact]
    public async Task Flush_WithoutSync_OutlivesTheProcess()
    {
        var queue = await Session.CreateAsync();
        await Session.TryFlushAsync([new QueueChanges(queue) { Runs = { Messages.Run(0, 10) } }], mustSync: false);
        await Session.TryFlushAsync([new QueueChanges(queue) { Settled = { new OffsetRange(0, 4) } }], mustSync: false);

        await Session.CrashAndOpenAsync();
        queue = await Session.TakeOverAsync(queue);
        Assert.Equal(Offsets(4, 10), await Session.ReadOffsetsAsync(queue));
    }

    [Fact]
    public async Task Flush_Empty_DoesNothing()
    {
        Assert.Equal(FlushResult.Complete, await Session.TryFlushAsync([]));
    }

    [Fact]
    public async Task Flush_OverManyQueues_WritesEachItsOwn()
    {
        var queues = Enumerable.Range(0, 200).Select(i => Session.Store.Create(StoreSession.Identity($"q{i}"), 1)).ToArray();
        await Session.FlushAsync([.. queues.Select((queue, i) => new QueueChanges(queue) { IsCreated = true, Runs = { Messages.Run(i, 1 + i % 5) } })]);
        await Session.CrashAndOpenAsync();

        var taken = await Task.WhenAll(queues.Select(Session.TakeOverAsync));
        for (var i = 0; i < taken.Length; i++)
        {
            Assert.Equal(Offsets(i, i + 1 + i % 5), await Session.ReadOffsetsAsync(taken[i]));
        }
    }

    [Fact]
    public async Task Read_WhileFlushesRun_GivesWhatWasWrittenBefore()
    {
        var queue = await Session.CreateAsync();
        await Session.WriteAsync(queue, Messages.Run(0, 500, size: 200));
        using var done = new CancellationTokenSource();
        var reader = Task.Run(async () =>
        {
            var reads = 0;
            do
            {
                Assert.Equal(Offsets(100, 500), await Session.ReadOffsetsAsync(queue, 100, 500));
                reads++;
            }
            while (!done.IsCancellationRequested);
            return reads;
        });

        for (var i = 0; i < 100; i++)
        {
            await Session.FlushAsync(new QueueChanges(queue) { Runs = { Messages.Run(500 + i * 10, 10) }, Settled = { new OffsetRange(i, 1), new OffsetRange(500 + i * 5, 3) } });
        }

        await done.CancelAsync();
        Assert.True(await reader > 0);
    }

    [Fact]
    public async Task Backlog_Flags_AreThoseOfTheMessages()
    {
        var queue = await Session.CreateAsync();
        var record = Messages.Record(MessageFlags.Persistent | MessageFlags.HasExpiry, "short-lived"u8);
        await Session.WriteAsync(queue, new MessageRun(record, 0, 1, false, MessageFlags.Persistent | MessageFlags.HasExpiry, 0), Messages.Run(1, 1));

        await Session.ReopenAsync();
        queue = await Session.TakeOverAsync(queue);
        Assert.Equal(MessageFlags.Persistent | MessageFlags.HasExpiry, queue.Backlog.Flags & (MessageFlags.Persistent | MessageFlags.HasExpiry));
    }

    [Fact]
    public async Task Backlog_NextDue_IsThatOfTheFirstUnsettledThatExpires()
    {
        var queue = await Session.CreateAsync();
        await Session.WriteAsync(queue, Messages.Run(0, 5, due: 1_000), Messages.Run(5, 5), Messages.Run(10, 5, due: 3_000), Messages.Run(15, 5, due: 2_000));
        Assert.Equal(1_000, (await Session.TakeOverAsync(queue)).Backlog.NextDue);

        await Session.ReopenAsync();
        queue = await Session.TakeOverAsync(queue);
        Assert.Equal(1_000, queue.Backlog.NextDue);
        await Session.SettleAsync(queue, new OffsetRange(0, 5), new OffsetRange(15, 4));
        queue = await Session.TakeOverAsync(queue);
        Assert.Equal(2_000, queue.Backlog.NextDue);
        await Session.SettleAsync(queue, new OffsetRange(10, 10));
        Assert.Equal(long.MaxValue, (await Session.TakeOverAsync(queue)).Backlog.NextDue);
    }

    [Fact]
    public void RandomWalk_OverAllOperations_MatchesTheModel() => StoreWalk.Walk(NewHomeAsync, count: 4);

    /// <summary>The offsets of half-open ranges, given as their ends in turn.</summary>
    private protected static long[] Offsets(params long[] ends) =>
        [.. ends.Chunk(2).SelectMany(range => Enumerable.Range(0, (int)(range[1] - range[0])).Select(i => range[0] + i))];
}
