using Granary.Core.Links;
using Granary.Silo.Queues;
using Granary.Silo.Queues.Messages;
using Granary.Silo.Storage;
using Granary.Silo.Tests.Queues;
using Granary.Testing.Logs;

namespace Granary.Silo.Tests.Storage;

/// <summary>What a queue's turns hand over, and what of it a flush is given.</summary>
public sealed class QueueJournalTests : IAsyncLifetime
{
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(20);
    private static readonly QueueIdentity Identity = new("%2F/q", Guid.NewGuid());

    private readonly FakeStore _store = new();
    private readonly WatchedLog _watched = new();
    private readonly GroupCommit _commit;
    private readonly QueueJournal _journal;

    public QueueJournalTests()
    {
        _commit = new GroupCommit(_store, _watched.LoggerOf<GroupCommit>(), _ => { });
        _journal = new QueueJournal(_commit, _store.Create(Identity, 1), isNew: true);
    }

    public Task InitializeAsync() => Task.CompletedTask;

    public async Task DisposeAsync()
    {
        _store.Release();
        await _commit.DisposeAsync();
        _watched.Check();
    }

    [Fact]
    public async Task Copies_OfWhatIsNotWrittenYet_AreWrittenInItsPlaceAndOnce()
    {
        _store.Hold();
        Append(0, 1);
        Assert.True(SpinWait.SpinUntil(() => !_journal.IsGathered, Patience));
        for (var offset = 1; offset < 10; offset += 3)
        {
            Append(offset, 3);
        }

        _journal.EndTurn(10, delivered: 0, isWaitedFor: false, [Run(0, 3), Run(3, 5)]);
        Assert.Equal(0, _journal.Watermark);
        _store.Release();
        await _journal.FlushAsync().WaitAsync(Patience);

        Assert.Equal(10, _journal.Watermark);
        Assert.Equal(1 + 10, _store.Written);
        Assert.Equal(Enumerable.Range(0, 10).Select(offset => (long)offset), _store.Offsets(Identity));
    }

    /// <summary>A publisher that has its confirm may count on it that the key is remembered, whatever became of the message.</summary>
    [Fact]
    public async Task Watermark_MessageWithAKeySettledBeforeItIsWritten_WaitsForTheKey()
    {
        var key = new SessionId(Guid.Parse("00000000-0000-8000-8000-000000000001"));
        _store.Hold();
        Append(0, 1);
        Assert.True(SpinWait.SpinUntil(() => !_journal.IsGathered, Patience));

        _journal.Append(Run(1, 1));
        _journal.NoteProgress(new PublishProgress(key, 5));
        _journal.EndTurn(2, delivered: 0, isWaitedFor: false, []);
        _journal.Settle(0, 2);
        _journal.EndTurn(2, delivered: 0, isWaitedFor: false, []);
        Assert.Equal(1, _journal.Watermark);

        using var told = new ManualResetEventSlim();
        _journal.OnAdvance(told.Set);
        _store.Release();
        Assert.True(SpinWait.SpinUntil(() => _journal.Watermark == 2, Patience));
        Assert.True(told.Wait(Patience));
        Assert.Contains(new PublishProgress(key, 5), (await _store.TakeOverAsync(Identity, 0, CancellationToken.None)).Backlog.Sessions);
    }

    [Fact]
    public void Wait_ForABoundThatAFlushIsBringing_IsToldWhenItIsThrough()
    {
        using var told = new ManualResetEventSlim();
        _journal.OnAdvance(told.Set);
        _store.Hold();
        _journal.EndTurn(10, delivered: 5, isWaitedFor: false, []);
        Assert.True(SpinWait.SpinUntil(() => !_journal.IsGathered, Patience));
        _journal.EndTurn(10, delivered: 5, isWaitedFor: true, []);
        Assert.False(told.IsSet);

        _store.Release();
        Assert.True(told.Wait(Patience));
        Assert.Equal(5, _journal.DeliveredBound);
    }

    [Fact]
    public void News_OfAFlushThatWasNotToldOfYet_AreToldWithTheNextOne()
    {
        // The commit's own thread is kept busy with another queue.
        _store.Hold();
        var other = new QueueJournal(_commit, _store.Create(new QueueIdentity("%2F/other", Guid.NewGuid()), 1), isNew: true);
        other.EndTurn(1, delivered: 0, isWaitedFor: true, []);
        Assert.True(SpinWait.SpinUntil(() => !other.IsGathered, Patience));
        var told = 0;
        _journal.OnAdvance(() => told++);

        _journal.Append(Run(0, 10));
        _journal.EndTurn(10, delivered: 5, isWaitedFor: true, []);
        Flush();
        Assert.Equal(10, _journal.Watermark);
        _journal.Settle(0, 1);
        _journal.EndTurn(10, delivered: 5, isWaitedFor: false, []);
        Flush();
        _journal.Tell();
        _journal.Tell();

        Assert.Equal(1, told);

        void Flush()
        {
            lock (_commit.Gate)
            {
                Assert.NotNull(_journal.Take());
                _journal.Complete(isFenced: false);
            }
        }
    }

    [Fact]
    public async Task Wait_ForABoundThatIsThereSinceTheQueueLooked_IsToldAtOnce()
    {
        _journal.EndTurn(10, delivered: 5, isWaitedFor: false, []);
        await _journal.FlushAsync().WaitAsync(Patience);
        using var told = new ManualResetEventSlim();
        _journal.OnAdvance(told.Set);
        _journal.EndTurn(10, delivered: 5, isWaitedFor: true, []);
        Assert.True(told.IsSet);
    }

    [Fact]
    public void Bound_ReachedByTheStoreInTheMiddleOfATurn_StaysAsTheTurnSawItFirst()
    {
        var bound = new DeliveryBound(_journal, _journal);
        _journal.EndTurn(10, delivered: 0, isWaitedFor: false, []);
        Assert.Equal(0, bound.Allowed(Run(0, 10)));

        _journal.EndTurn(10, delivered: 5, isWaitedFor: true, []);
        Assert.True(SpinWait.SpinUntil(() => _journal.DeliveredBound == 5, Patience));
        Assert.Equal(0, bound.Allowed(Run(0, 10)));

        bound.EndTurn(heldEnd: 1, now: 0);
        Assert.Equal(5, bound.Allowed(Run(0, 10)));
    }

    [Fact]
    public async Task Settled_BeforeACopyOfItIsWritten_IsNotWritten()
    {
        _store.Hold();
        Append(0, 1);
        Assert.True(SpinWait.SpinUntil(() => !_journal.IsGathered, Patience));
        Append(1, 4);
        _journal.EndTurn(5, delivered: 0, isWaitedFor: false, [Run(0, 4)]);
        _journal.Settle(0, 2);
        _journal.Settle(4, 5);
        _journal.EndTurn(5, delivered: 0, isWaitedFor: false, []);
        Assert.Equal(2, _journal.Watermark);
        _store.Release();
        await _journal.FlushAsync().WaitAsync(Patience);

        Assert.Equal(5, _journal.Watermark);
        Assert.Equal(1 + 2, _store.Written);
        Assert.Equal([2L, 3L], _store.Offsets(Identity));
    }

    [Fact]
    public async Task Append_NotUrgent_IsOnTheDiskSoonThoughNothingElseComes()
    {
        Append(0, 1);
        await _journal.FlushAsync().WaitAsync(Patience);
        var synced = _store.Synced;
        _journal.Append(Run(1, 2), isUrgent: false);
        _journal.EndTurn(3, delivered: 0, isWaitedFor: false, []);
        await _journal.WhenStoredAsync(_journal.Turn).WaitAsync(Patience);
        Assert.Equal((synced + 1, 3), (_store.Synced, _journal.Watermark));
    }

    /// <summary>Whoever publishes behind them waits for them, too, though what he published needs no write.</summary>
    [Fact]
    public void Hurry_MessagesThatAreNotUrgent_GoWithTheFlushThatBeginsNow()
    {
        _store.Hold();
        Append(0, 1);
        Assert.True(SpinWait.SpinUntil(() => !_journal.IsGathered, Patience));
        _journal.Append(Run(1, 1), isUrgent: false);
        _journal.EndTurn(3, delivered: 0, isWaitedFor: false, []);
        _journal.Hurry();
        _store.Release();
        Assert.True(SpinWait.SpinUntil(() => _journal.Watermark == 3, Patience));
        Assert.Equal([0L, 1L], _store.Offsets(Identity));
    }

    private void Append(long first, int count)
    {
        _journal.Append(Run(first, count));
        _journal.EndTurn(first + count, delivered: 0, isWaitedFor: false, []);
    }

    private static MessageRun Run(long first, int count)
    {
        var batch = Batches.Of(first, count, persistent: true);
        return new MessageRun(batch.Records, first, count, Redelivered: false, batch.Flags, Since: 0);
    }
}
