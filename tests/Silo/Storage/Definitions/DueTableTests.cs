using System.Text;
using Granary.Silo.Storage;
using Granary.Silo.Storage.Definitions;
using Granary.Silo.Storage.Memory;
using Granary.Testing.Logs;
using Microsoft.Extensions.Time.Testing;

namespace Granary.Silo.Tests.Storage.Definitions;

public sealed class DueTableTests : IAsyncLifetime
{
    private readonly MemoryStore _store = new();
    private readonly WatchedLog _watched = new();
    private readonly FakeTimeProvider _time = new(DateTimeOffset.UnixEpoch);
    private readonly GroupCommit _commit;
    private readonly DueTable _due;

    public DueTableTests()
    {
        _commit = new GroupCommit(_store, _watched.LoggerOf<GroupCommit>(), static _ => { });
        _due = New(isShared: false);
    }

    public Task InitializeAsync() => Task.CompletedTask;

    public async Task DisposeAsync()
    {
        await _commit.DisposeAsync();
        _watched.Check();
    }

    [Fact]
    public async Task Set_Earlier_IsWrittenAndLaterOnlyWhenTheStoredHasComeUp()
    {
        _due.Set(DueKind.Queue, "%2F/q", 2000);
        Assert.Equal(["queue %2F/q 2000"], await StoredAsync());

        _due.Set(DueKind.Queue, "%2F/q", 5000);
        _due.WriteLate();
        Assert.Equal(["queue %2F/q 2000"], await StoredAsync());

        _due.Set(DueKind.Queue, "%2F/q", 1500);
        Assert.Equal(["queue %2F/q 1500"], await StoredAsync());

        _due.Set(DueKind.Queue, "%2F/q", 5000);
        _time.SetUtcNow(DateTimeOffset.FromUnixTimeMilliseconds(1500));
        Assert.Empty(_due.TakeDue());
        _due.WriteLate();
        Assert.Equal(["queue %2F/q 5000"], await StoredAsync());
    }

    [Fact]
    public async Task Clear_IsWrittenLater()
    {
        _due.Set(DueKind.Exchange, "%2F/a b", 2000);
        _due.Clear(DueKind.Exchange, "%2F/a b");
        _due.Clear(DueKind.Exchange, "%2F/none");
        Assert.Equal(["exchange %2F/a b 2000"], await StoredAsync());
        _due.WriteLate();
        Assert.Empty(await StoredAsync());

        _due.Set(DueKind.Exchange, "%2F/a b", 2000);
        Assert.Equal(["exchange %2F/a b 2000"], await StoredAsync());
    }

    [Fact]
    public async Task TakeDue_AfterARestart_GivesWhatIsDueInOrderAndAgainLater()
    {
        _due.Set(DueKind.Queue, "late", 9000);
        _due.Set(DueKind.Queue, "second", 2000);
        _due.Set(DueKind.Exchange, "first", 1000);
        await StoredAsync();
        var next = New(isShared: false);
        await next.LoadAsync(default);
        Assert.Empty(next.TakeDue());

        _time.SetUtcNow(DateTimeOffset.FromUnixTimeMilliseconds(2000));
        Assert.Equal([(DueKind.Exchange, "first"), (DueKind.Queue, "second")], next.TakeDue());
        Assert.Empty(next.TakeDue());
        _time.SetUtcNow(DateTimeOffset.FromUnixTimeMilliseconds(12_000));
        Assert.Equal(3, next.TakeDue().Count);

        // As a grain does that found nothing due.
        next.Clear(DueKind.Queue, "second");
        next.WriteLate();
        Assert.Equal(["exchange first 1000", "queue late 9000"], await StoredAsync());
    }

    [Fact]
    public async Task Load_SharedStore_FollowsOtherSilosButNotAgainstItsOwnGrains()
    {
        var (here, there) = (New(isShared: true), New(isShared: true));
        here.Set(DueKind.Queue, "mine", 3000);
        there.Set(DueKind.Queue, "theirs", 1000);
        await StoredAsync();
        await here.LoadAsync(default);
        Assert.Equal([(DueKind.Queue, "theirs")], Take(here, at: 1000));

        there.Clear(DueKind.Queue, "theirs");
        there.WriteLate();
        await StoredAsync();
        await here.LoadAsync(default);
        Assert.Equal([(DueKind.Queue, "mine")], Take(here, at: 100_000));

        // It moved there and back: what is stored meanwhile is not known here, so it is written whatever it was.
        here.Forget(DueKind.Queue, "mine");
        await _commit.WriteAsync(new RowChange(new RowKey(DueTable.Table, "queue mine"), null));
        here.Set(DueKind.Queue, "mine", 3000);
        Assert.Equal(["queue mine 3000"], await StoredAsync());
    }

    [Fact]
    public async Task Load_RowsOfALaterVersion_AreLeftAlone()
    {
        await _commit.WriteAsync(new RowChange(new RowKey(DueTable.Table, "stream s"), "1"u8.ToArray()));
        await _commit.WriteAsync(new RowChange(new RowKey(DueTable.Table, "queue q"), "soon"u8.ToArray()));
        await _due.LoadAsync(default);
        Assert.Empty(Take(_due, at: 100_000));
        _due.WriteLate();
        Assert.Equal(2, (await StoredAsync()).Length);
    }

    private List<(DueKind Kind, string GrainKey)> Take(DueTable due, long at)
    {
        _time.SetUtcNow(DateTimeOffset.FromUnixTimeMilliseconds(at));
        return due.TakeDue();
    }

    private DueTable New(bool isShared) => new(_commit, _time, isShared, _watched.LoggerOf<DueTable>());

    /// <summary>What is stored when all that stands in line is written.</summary>
    private async Task<string[]> StoredAsync()
    {
        await _commit.WriteAsync(new RowChange(new RowKey("end", "of line"), null));
        var rows = await _store.ReadRowsAsync(DueTable.Table, default);
        return [.. rows.Select(row => $"{row.Key.Key} {Encoding.ASCII.GetString(row.Value.Span)}").Order(StringComparer.Ordinal)];
    }
}
