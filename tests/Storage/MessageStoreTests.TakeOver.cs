using Granary.Core.Links;
using Granary.Silo.Storage;

namespace Granary.Storage.Tests;

public abstract partial class MessageStoreTests
{
    [Fact]
    public async Task TakeOver_QueueTheStoreDoesNotKnow_CreatesIt()
    {
        var queue = await Session.TakeOverAsync(StoreSession.Identity("new"), 7);
        Assert.True(queue.Epoch >= 7);
        Assert.Equivalent(StoredBacklog.Empty, queue.Backlog);

        await Session.WriteAsync(queue, Messages.Run(0, 3));
        await Session.CrashAndOpenAsync();
        var next = await Session.TakeOverAsync(queue);
        Assert.True(next.Epoch > queue.Epoch);
        Assert.Equal(Offsets(0, 3), await Session.ReadOffsetsAsync(next));
    }

    /// <summary>As a purge has it after a restart, while a message from before it is held: what comes between was never given, 2^32 offsets for each activation.</summary>
    [Fact]
    public async Task Settle_AcrossTheOffsetsBetweenActivations_LeavesWhatIsNotSettled()
    {
        const long Gap = 1L << 32;
        var queue = await Session.CreateAsync("gaps");
        await Session.FlushAsync(new QueueChanges(queue) { Runs = { Messages.Run(0, 20) }, OffsetBound = Gap });
        await Session.RestartAsync(crash: true);
        var next = await Session.TakeOverAsync(queue);
        Assert.Equal((20, Gap), (next.Backlog.Count, next.Backlog.NextOffset));
        await Session.FlushAsync(new QueueChanges(next) { Runs = { Messages.Run(Gap, 20) }, OffsetBound = 2 * Gap });
        var purge = new QueueChanges(next) { OffsetBound = 2 * Gap };
        purge.Settled.AddRange(OffsetRange.Between(10, Gap + 10));
        await Session.FlushAsync(purge);

        long[] left = [.. Offsets(0, 10), .. Offsets(Gap + 10, Gap + 20)];
        Assert.Equal(left, await Session.ReadOffsetsAsync(next));
        await Session.RestartAsync(crash: true);
        var last = await Session.TakeOverAsync(next);
        Assert.Equal((20, 0, 2 * Gap), (last.Backlog.Count, last.Backlog.First, last.Backlog.NextOffset));
        Assert.Equal(left, await Session.ReadOffsetsAsync(last));
    }

    [Theory]
    [InlineData("a\0b", "ab")]
    [InlineData("a\0b", "a\u00010b")]
    [InlineData("a\u0001b", "a\u00011b")]
    public async Task TakeOver_QueueWithControlCharactersInItsName_FindsItAndNoOther(string name, string other)
    {
        var queue = await Session.CreateAsync(name);
        await Session.WriteAsync(queue, Messages.Run(0, 3));
        await Session.CrashAndOpenAsync();

        Assert.Equal(Offsets(0, 3), await Session.ReadOffsetsAsync(await Session.TakeOverAsync(queue)));
        Assert.Equal(0, (await Session.TakeOverAsync(new QueueIdentity(other, queue.Identity.Incarnation))).Backlog.Count);
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task TakeOver_AgainAndAgain_RaisesTheEpoch(bool crash)
    {
        var queue = await Session.CreateAsync();
        var epoch = queue.Epoch;
        for (var i = 0; i < 4; i++)
        {
            queue = await Session.TakeOverAsync(queue);
            Assert.True(queue.Epoch > epoch);
            epoch = queue.Epoch;
            await Session.RestartAsync(crash);
        }

        Assert.True((await Session.TakeOverAsync(queue.Identity, epoch + 100)).Epoch >= epoch + 100);
        await Session.RestartAsync(crash);
        Assert.True((await Session.TakeOverAsync(queue.Identity, 3)).Epoch > epoch + 100);
    }

    [Fact]
    public async Task TakeOver_ManyAtOnce_GivesEachQueueAnEpochOfItsOwn()
    {
        var identity = StoreSession.Identity("contended");
        var taken = await Task.WhenAll(Enumerable.Range(0, 20).Select(_ => Task.Run(() => Session.TakeOverAsync(identity))));

        Assert.Equal(20, taken.Select(queue => queue.Epoch).Distinct().Count());
        var result = await Session.TryFlushAsync(taken.Select(queue => new QueueChanges(queue) { Settled = { new OffsetRange(0, 1) } }));
        Assert.Equal(19, result.Fenced.Count);
        Assert.DoesNotContain(taken.MaxBy(queue => queue.Epoch)!, result.Fenced);
    }

    [Fact]
    public async Task TakeOver_SameKeyOtherIncarnation_SharesNothing()
    {
        var queue = await Session.CreateAsync("same");
        await Session.FlushAsync(new QueueChanges(queue) { Runs = { Messages.Run(0, 3) }, OffsetBound = 100 });
        var other = await Session.TakeOverAsync(StoreSession.Identity("same"));

        Assert.Equivalent(StoredBacklog.Empty, other.Backlog);
        await Session.WriteAsync(other, Messages.Run(0, 1, mark: "other"));
        Assert.Equal(Offsets(0, 3), await Session.ReadOffsetsAsync(queue));
        Assert.Equal(Messages.Of(Messages.Run(0, 1, mark: "other")), await Session.ReadAsync(other));
    }

    [Fact]
    public async Task Bounds_OffsetBoundNeverFalls_DeliveredBoundMay()
    {
        var queue = await Session.CreateAsync();
        await Session.FlushAsync(new QueueChanges(queue) { OffsetBound = 1000, DeliveredBound = 500 });
        await Session.FlushAsync(new QueueChanges(queue) { OffsetBound = 800, DeliveredBound = 20 });
        await Session.CrashAndOpenAsync();

        queue = await Session.TakeOverAsync(queue);
        Assert.Equal((1000, 20), (queue.Backlog.NextOffset, queue.Backlog.DeliveredBound));
        Assert.Equal((1000, 0, 0), (queue.Backlog.First, queue.Backlog.Count, queue.Backlog.Bytes));
        queue = await Session.TakeOverAsync(queue);
        Assert.Equal((1000, 20), (queue.Backlog.NextOffset, queue.Backlog.DeliveredBound));
    }

    [Fact]
    public async Task Backlog_NextOffset_IsAboveAllThatWasStored()
    {
        var queue = await Session.CreateAsync();
        await Session.FlushAsync(new QueueChanges(queue) { Runs = { Messages.Run(0, 10) }, OffsetBound = 10 });
        await Session.SettleAsync(queue, new OffsetRange(0, 10));

        await Session.ReopenAsync();
        queue = await Session.TakeOverAsync(queue);
        Assert.Equal((10, 10, 0), (queue.Backlog.First, queue.Backlog.NextOffset, queue.Backlog.Count));
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task TakeOver_OfAStream_GoesOnBehindWhatIsStored(bool crash)
    {
        var identity = StoreSession.Identity("%2F/stream") with { IsStream = true };
        var queue = Session.Store.Create(identity, 1);
        await Session.FlushAsync(new QueueChanges(queue) { IsCreated = true, OffsetBound = 1L << 32 });
        Assert.Equal(0, (queue = await Session.TakeOverAsync(identity)).Backlog.NextOffset);
        for (var first = 0; first < 50; first += 10)
        {
            await Session.FlushAsync(new QueueChanges(queue) { Runs = { Messages.Run(first, 10, due: 1_000 + first) }, OffsetBound = 1L << 32 });
        }

        await Session.SettleAsync(queue, new OffsetRange(0, 14));
        await Session.RestartAsync(crash);
        queue = await Session.TakeOverAsync(identity);
        Assert.Equal((14, 50, 36), (queue.Backlog.First, queue.Backlog.NextOffset, queue.Backlog.Count));

        await Session.FlushAsync(new QueueChanges(queue) { Runs = { Messages.Run(20, 30, due: 1_040), Messages.Run(50, 5, due: 2_000) }, OffsetBound = 1L << 33 });
        await Session.RestartAsync(crash);
        queue = await Session.TakeOverAsync(identity);
        Assert.Equal((14, 55, 41), (queue.Backlog.First, queue.Backlog.NextOffset, queue.Backlog.Count));
        Assert.Equal(Messages.Of(Messages.Run(14, 6, due: 1_010), Messages.Run(20, 30, due: 1_040), Messages.Run(50, 5, due: 2_000)), await Session.ReadAsync(queue));
    }

    [Fact]
    public async Task Links_LastNumberOfEach_IsKeptUntilTheLinkIsOver()
    {
        var queue = await Session.CreateAsync();
        SessionId[] links = [SessionId.New(), SessionId.New(), SessionId.New()];
        await Session.FlushAsync(new QueueChanges(queue) { Sessions = { new(links[0], 1), new(links[1], 5), new(links[2], 9) } });
        await Session.FlushAsync(new QueueChanges(queue) { Sessions = { new(links[0], 2), new(links[2], -1) } });
        PublishProgress[] expected = [new(links[0], 2), new(links[1], 5)];

        Assert.Equivalent(expected, (await Session.TakeOverAsync(queue)).Backlog.Sessions, strict: true);
        foreach (var crash in new[] { true, false })
        {
            await Session.RestartAsync(crash);
            Assert.Equivalent(expected, (await Session.TakeOverAsync(queue)).Backlog.Sessions, strict: true);
        }
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task Deleted_WithAllItHas_IsGone(bool crash)
    {
        var queue = await Session.CreateAsync();
        var other = await Session.CreateAsync("other");
        await Session.FlushAsync(
            new QueueChanges(queue) { Runs = { Messages.Run(0, 10) }, OffsetBound = 100, DeliveredBound = 50, Sessions = { new(SessionId.New(), 1) } },
            new QueueChanges(other) { Runs = { Messages.Run(0, 2) } });
        await Session.FlushAsync(new QueueChanges(queue) { Runs = { Messages.Run(10, 1) }, IsDeleted = true });

        await Session.RestartAsync(crash);
        var again = await Session.TakeOverAsync(queue);
        Assert.Equivalent(StoredBacklog.Empty, again.Backlog);
        Assert.Empty(await Session.ReadOffsetsAsync(again));
        Assert.Equal(Offsets(0, 2), await Session.ReadOffsetsAsync(await Session.TakeOverAsync(other)));
    }

    [Fact]
    public async Task Deleted_ThenDeclaredAgain_HasOnlyTheNew()
    {
        var queue = await Session.CreateAsync("again");
        await Session.WriteAsync(queue, Messages.Run(0, 10, mark: "old"));
        await Session.FlushAsync(new QueueChanges(queue) { IsDeleted = true });
        var second = await Session.CreateAsync("again");
        await Session.WriteAsync(second, Messages.Run(0, 2, mark: "new"));

        await Session.ReopenAsync();
        Assert.Equal(Messages.Of(Messages.Run(0, 2, mark: "new")), await Session.ReadAsync(await Session.TakeOverAsync(second)));
    }

    [Fact]
    public async Task Created_AndDeletedInOneFlush_LeavesNothing()
    {
        var queue = Session.Store.Create(StoreSession.Identity("brief"), 1);
        await Session.FlushAsync(new QueueChanges(queue) { IsCreated = true, Runs = { Messages.Run(0, 10) }, IsDeleted = true });

        await Session.CrashAndOpenAsync();
        Assert.Equivalent(StoredBacklog.Empty, (await Session.TakeOverAsync(queue)).Backlog);
    }

    [Fact]
    public async Task Fenced_HandleOfALowerEpoch_WritesNothingAndIsReturned()
    {
        var stale = await Session.CreateAsync("contended");
        var other = await Session.CreateAsync("other");
        await Session.FlushAsync(new QueueChanges(stale) { Runs = { Messages.Run(0, 10) }, OffsetBound = 10 });
        var fresh = await Session.TakeOverAsync(stale);

        var result = await Session.TryFlushAsync(
            [
                new QueueChanges(stale)
                {
                    Runs = { Messages.Run(10, 5) }, Settled = { new OffsetRange(0, 3) }, OffsetBound = 99, DeliveredBound = 5, Sessions = { new(SessionId.New(), 3) },
                },
                new QueueChanges(other) { Runs = { Messages.Run(0, 5) } },
            ],
            [new RowChange(new RowKey("t", "k"), new byte[] { 1 })]);

        Assert.Same(stale, Assert.Single(result.Fenced));
        Assert.Empty(result.Conflicts);
        Assert.Equal(Offsets(0, 10), await Session.ReadOffsetsAsync(fresh));
        Assert.Equal(Offsets(0, 5), await Session.ReadOffsetsAsync(other));
        Assert.NotNull(await Session.Store.ReadRowAsync(new RowKey("t", "k"), CancellationToken.None));

        await Session.CrashAndOpenAsync();
        fresh = await Session.TakeOverAsync(fresh);
        Assert.Equal((10, 10, 0), (fresh.Backlog.Count, fresh.Backlog.NextOffset, fresh.Backlog.DeliveredBound));
        Assert.Empty(fresh.Backlog.Sessions);
    }

    /// <summary>What a row says of queues that is guarded is true of all of them, or is not said.</summary>
    [Fact]
    public async Task Fenced_AnyQueueOfAFlush_KeepsGuardedRowsFromChanging()
    {
        var (stale, other) = (await Session.CreateAsync("contended"), await Session.CreateAsync("other"));
        await Session.WriteRowsAsync(Put("t", "there", "one"));
        await Session.TakeOverAsync(stale);
        RowChange[] guarded = [Put("t", "new", "one", expected: 0) with { IsGuarded = true }, new RowChange(new RowKey("t", "there"), null, IsGuarded: true)];

        var result = await Session.TryFlushAsync(
            [new QueueChanges(stale) { OffsetBound = 1 }, new QueueChanges(other) { Runs = { Messages.Run(0, 5) } }], [guarded[0], Put("t", "plain", "one"), guarded[1]]);
        Assert.Equal((1, 2), (result.Fenced.Count, result.Conflicts.Count));
        Assert.All(guarded, change => Assert.Contains(change, result.Conflicts));
        Assert.Null(await ReadRowAsync("t", "new"));
        Assert.Equal(("one", 1), await ReadRowAsync("t", "plain"));
        Assert.Equal(("one", 1), await ReadRowAsync("t", "there"));
        Assert.Equal(Offsets(0, 5), await Session.ReadOffsetsAsync(other));

        // Without the fenced one they change, but for what has another version than expected.
        result = await Session.TryFlushAsync(
            [new QueueChanges(other) { OffsetBound = 10 }], [.. guarded, Put("t", "plain", "two", expected: 0) with { IsGuarded = true }, Put("t", "plain", "three", expected: 2)]);
        Assert.Equal(["two", "three"], result.Conflicts.Select(change => System.Text.Encoding.UTF8.GetString(change.Value!.Value.Span)).Order().Reverse());
        await Session.CrashAndOpenAsync();
        Assert.Equal(("one", 1), await ReadRowAsync("t", "new"));
        Assert.Equal(("one", 1), await ReadRowAsync("t", "plain"));
        Assert.Null(await ReadRowAsync("t", "there"));
    }

    [Fact]
    public async Task Fenced_DeletionByALowerEpoch_DeletesNothing()
    {
        var stale = await Session.CreateAsync();
        await Session.WriteAsync(stale, Messages.Run(0, 10));
        var fresh = await Session.TakeOverAsync(stale);

        Assert.Same(stale, Assert.Single((await Session.TryFlushAsync([new QueueChanges(stale) { IsDeleted = true }])).Fenced));
        Assert.Equal(Offsets(0, 10), await Session.ReadOffsetsAsync(fresh));
        await Session.WriteAsync(fresh, Messages.Run(10, 1));
    }

    [Fact]
    public async Task Fenced_HandleOfADeletedQueue_WritesNothing()
    {
        var stale = await Session.CreateAsync();
        var fresh = await Session.TakeOverAsync(stale);
        await Session.FlushAsync(new QueueChanges(fresh) { IsDeleted = true });

        Assert.Same(stale, Assert.Single((await Session.TryFlushAsync([new QueueChanges(stale) { Runs = { Messages.Run(0, 1) } }])).Fenced));
        await Session.ReopenAsync();
        Assert.Equal(0, (await Session.TakeOverAsync(stale)).Backlog.Count);
    }
}
