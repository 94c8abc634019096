using Granary.Silo.Storage;
using Granary.Testing.Logs;
using Microsoft.Extensions.Logging.Abstractions;

namespace Granary.Silo.Tests.Storage;

public sealed class GroupCommitTests
{
    private static readonly RowKey Key = new("t", "k");

    /// <summary>As when several queues of a silo decide at the same time what becomes of a transaction, and another silo has decided it.</summary>
    [Fact]
    public async Task WriteAsync_SeveralExpectAVersionThatIsNotThere_EachIsToldAndTheStoreGoesOn()
    {
        var store = new FakeStore();
        await using var commit = new GroupCommit(store, NullLogger<GroupCommit>.Instance, _ => { });
        await commit.WriteAsync(Change(1, expected: null));

        store.Hold();
        Task[] late;
        lock (commit.Gate)
        {
            late = [commit.WriteAsync(Change(2, expected: 0)), commit.WriteAsync(Change(3, expected: 0))];
        }

        Assert.True(SpinWait.SpinUntil(() => commit.TryingFor > TimeSpan.Zero, TimeSpan.FromSeconds(30)));
        Task[] later = [commit.WriteAsync(Change(4, expected: 0)), commit.WriteAsync(Change(5, expected: 0))];
        var whatever = commit.WriteAsync(Change(6, expected: null));
        store.Release();

        foreach (var refused in (Task[])[.. late, .. later])
        {
            await Assert.ThrowsAsync<RowConflictException>(() => refused.WaitAsync(TimeSpan.FromSeconds(30)));
        }

        await whatever.WaitAsync(TimeSpan.FromSeconds(30));
        Assert.True(commit.IsRunning);
        Assert.Equal([6], (await store.ReadRowAsync(Key, CancellationToken.None))!.Value.ToArray());
    }

    /// <summary>A node that stops is dead to its cluster before the last of what nobody waits for is written.</summary>
    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task Store_ThatTakesNothingMore_IsAnErrorUnlessTheNodeStops(bool isLeaving)
    {
        const int fenced = 3309;
        var watched = new WatchedLog();
        await using var commit = new GroupCommit(new FakeStore { IsFenced = true }, watched.LoggerOf<GroupCommit>(), _ => { }) { IsLeaving = isLeaving };
        _ = commit.WriteAsync(Change(1, expected: null));

        Assert.True(SpinWait.SpinUntil(() => !commit.IsRunning, TimeSpan.FromSeconds(30)));
        await commit.DisposeAsync();
        if (!isLeaving)
        {
            watched.Expect(fenced);
        }

        watched.Check();
    }

    /// <summary>What was being written, what has gathered meanwhile, and what comes later.</summary>
    [Fact]
    public async Task Store_ThatTakesNothingMore_SaysSoAtOnceToAllWhoWaitForIt()
    {
        var store = new FakeStore();
        store.Hold();
        await using var commit = new GroupCommit(store, NullLogger<GroupCommit>.Instance, _ => { });
        var writing = commit.WriteAsync(Change(1, expected: null));
        Assert.True(SpinWait.SpinUntil(() => commit.TryingFor > TimeSpan.Zero, TimeSpan.FromSeconds(30)));
        var gathered = commit.WriteAsync(Change(2, expected: null));
        var journal = NewJournal(commit, "waits");
        journal.EndTurn(nextOffset: 0, delivered: 0, isWaitedFor: false, []);
        Task[] waiting = [writing, gathered, journal.FlushAsync(), journal.WhenStoredAsync(journal.Turn)];

        store.IsFenced = true;
        store.Release();
        foreach (var told in waiting)
        {
            await Assert.ThrowsAsync<StoreUnavailableException>(() => told.WaitAsync(TimeSpan.FromSeconds(30)));
        }

        var late = NewJournal(commit, "comes late");
        await late.FlushAsync();
        late.EndTurn(nextOffset: 0, delivered: 0, isWaitedFor: false, []);
        foreach (var told in (Task[])[commit.WriteAsync(Change(3, expected: null)), journal.FlushAsync(), late.FlushAsync(), late.WhenStoredAsync(late.Turn)])
        {
            await Assert.ThrowsAsync<StoreUnavailableException>(() => told.WaitAsync(TimeSpan.FromSeconds(30)));
        }
    }

    [Fact]
    public async Task WriteAsync_NotUrgent_IsOnTheDiskSoonThoughNothingElseComes()
    {
        var store = new FakeStore();
        await using var commit = new GroupCommit(store, NullLogger<GroupCommit>.Instance, _ => { });
        for (byte i = 1; i <= 3; i++)
        {
            await commit.WriteAsync(Change(i, expected: null), isUrgent: false).WaitAsync(TimeSpan.FromSeconds(30));
            Assert.Equal((i, i), (store.Flushes, store.Synced));
        }
    }

    [Fact]
    public async Task WriteAsync_NotUrgent_GoesWithWhatIsUrgent()
    {
        const int Rounds = 100;
        var store = new FakeStore();
        await using var commit = new GroupCommit(store, NullLogger<GroupCommit>.Instance, _ => { }) { Leisure = TimeSpan.FromMinutes(1) };
        for (var i = 0; i < Rounds; i++)
        {
            await Task.WhenAll(commit.WriteAsync(Change(1, expected: null), isUrgent: false), commit.WriteAsync(Change(2, expected: null))).WaitAsync(TimeSpan.FromSeconds(30));
        }

        Assert.Equal(Rounds, store.Flushes);
    }

    [Fact]
    public async Task Stop_WithARowThatIsNotUrgent_WritesIt()
    {
        var store = new FakeStore();
        var commit = new GroupCommit(store, NullLogger<GroupCommit>.Instance, _ => { });
        var written = commit.WriteAsync(Change(1, expected: null), isUrgent: false);
        await commit.DisposeAsync();
        await written.WaitAsync(TimeSpan.FromSeconds(30));
        Assert.Equal([1], (await store.ReadRowAsync(Key, CancellationToken.None))!.Value.ToArray());
    }

    /// <summary>Of several rows that are written together the one is named that had another version.</summary>
    [Fact]
    public async Task WriteAsync_OneOfSeveralHasAnotherVersion_IsNamed()
    {
        var store = new FakeStore();
        await using var commit = new GroupCommit(store, NullLogger<GroupCommit>.Instance, _ => { });
        var other = new RowChange(new RowKey("tests", "other"), new byte[] { 1 }, null);

        var written = commit.WriteAsync([other, Change(2, expected: 7)]);

        var refused = await Assert.ThrowsAsync<RowConflictException>(() => written.WaitAsync(TimeSpan.FromSeconds(30)));
        Assert.Contains($"'{Key.Key}'", refused.Message, StringComparison.Ordinal);
    }

    private static QueueJournal NewJournal(GroupCommit commit, string key) =>
        new(commit, commit.Store.Create(new QueueIdentity(key, Guid.NewGuid()), 1), isNew: true);

    private static RowChange Change(byte value, long? expected) => new(Key, new[] { value }, expected);
}
