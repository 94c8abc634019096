using System.Text;
using Granary.Silo.Storage;

namespace Granary.Storage.Tests;

public abstract partial class MessageStoreTests
{
    [Fact]
    public async Task Row_NotThere_IsNull()
    {
        Assert.Null(await ReadRowAsync("t", "k"));
        Assert.Empty(await Session.Store.ReadRowsAsync("t", CancellationToken.None));
    }

    [Theory]
    [InlineData("a\0b")]
    [InlineData("a\u0001b")]
    [InlineData("\u00010\0\u00011")]
    public async Task Row_WithControlCharactersInItsNames_IsAsAnyOther(string name)
    {
        await Session.WriteRowsAsync(Put(name, name, "one", expected: 0), Put("t", name, "other"));
        Assert.Equal(("one", 1), await ReadRowAsync(name, name));
        await Session.WriteRowsAsync(Put(name, name, "two", expected: 1));

        await Session.CrashAndOpenAsync();

        Assert.Equal(("two", 2), await ReadRowAsync(name, name));
        Assert.Equal(name, Assert.Single(await Session.Store.ReadRowsAsync(name, CancellationToken.None)).Key.Key);
        Assert.Equal(new RowKey("t", name), Assert.Single(await Session.Store.ReadRowsAsync("t", CancellationToken.None)).Key);
    }

    [Fact]
    public async Task Rows_OfAllTablesThatBeginSo_AreReadTogether()
    {
        await Session.WriteRowsAsync(Put("bindings a", "1", "one"), Put("bindings b\0", "2", "two"), Put("binding", "3", "three"), Put("cindings", "4", "four"));

        await Session.CrashAndOpenAsync();

        var rows = await Session.Store.ReadTablesAsync("bindings ", CancellationToken.None);
        Assert.Equal([("bindings a", "1", "one"), ("bindings b\0", "2", "two")], rows.Select(row => (row.Key.Table, row.Key.Key, Encoding.UTF8.GetString(row.Value.Span))).Order());
    }

    [Fact]
    public async Task Row_WrittenAgainAndAgain_CountsItsVersion()
    {
        await Session.WriteRowsAsync(Put("t", "k", "one", expected: 0));
        Assert.Equal(("one", 1), await ReadRowAsync("t", "k"));
        await Session.WriteRowsAsync(Put("t", "k", "two", expected: 1));
        await Session.WriteRowsAsync(Put("t", "k", "three"));
        Assert.Equal(("three", 3), await ReadRowAsync("t", "k"));

        await Session.CrashAndOpenAsync();
        Assert.Equal(("three", 3), await ReadRowAsync("t", "k"));
        await Session.WriteRowsAsync(Put("t", "k", "four", expected: 3));
        await Session.ReopenAsync();
        Assert.Equal(("four", 4), await ReadRowAsync("t", "k"));
    }

    [Fact]
    public async Task Row_RemovedAndWrittenAgain_BeginsAtVersionOne()
    {
        await Session.WriteRowsAsync(Put("t", "k", "one"), Put("t", "other", "other"));
        await Session.WriteRowsAsync(Put("t", "k", "two"), Remove("t", "k", expected: 2));
        Assert.Null(await ReadRowAsync("t", "k"));
        await Session.CrashAndOpenAsync();
        Assert.Null(await ReadRowAsync("t", "k"));

        Assert.Empty((await Session.WriteRowsAsync(Put("t", "k", "again", expected: 0))).Conflicts);
        Assert.Equal(("again", 1), await ReadRowAsync("t", "k"));
        Assert.Equal(("other", 1), await ReadRowAsync("t", "other"));
    }

    [Fact]
    public async Task Row_OtherVersionThanExpected_IsReturnedAndNotChanged()
    {
        await Session.WriteRowsAsync(Put("t", "a", "a"), Put("t", "b", "b"));
        RowChange[] conflicts = [Put("t", "a", "x", expected: 0), Put("t", "b", "x", expected: 2), Put("t", "c", "x", expected: 1), Remove("t", "a", expected: 5)];
        var queue = Session.Store.Create(StoreSession.Identity("q"), 1);

        var result = await Session.TryFlushAsync(
            [new QueueChanges(queue) { IsCreated = true, Runs = { Messages.Run(0, 1) } }], [.. conflicts, Put("t", "d", "d", expected: 0)]);

        Assert.Equal(conflicts, result.Conflicts);
        Assert.Empty(result.Fenced);
        foreach (var reopened in new[] { false, true })
        {
            if (reopened)
            {
                await Session.ReopenAsync();
                queue = await Session.TakeOverAsync(queue);
            }

            Assert.Equal(("a", 1), await ReadRowAsync("t", "a"));
            Assert.Equal(("b", 1), await ReadRowAsync("t", "b"));
            Assert.Null(await ReadRowAsync("t", "c"));
            Assert.Equal(("d", 1), await ReadRowAsync("t", "d"));
            Assert.Equal(Offsets(0, 1), await Session.ReadOffsetsAsync(queue));
        }
    }

    [Fact]
    public async Task Row_RemovedWhereThereIsNone_IsNoConflictUnlessOneWasExpected()
    {
        Assert.Empty((await Session.WriteRowsAsync(Remove("t", "k"), Remove("t", "k", expected: 0))).Conflicts);
        Assert.Single((await Session.WriteRowsAsync(Remove("t", "k", expected: 1))).Conflicts);
    }

    [Fact]
    public async Task Rows_OfOneTable_AreReadTogether()
    {
        await Session.WriteRowsAsync([.. Enumerable.Range(0, 300).Select(i => Put(i % 3 == 0 ? "fizz" : "other", $"k{i}", $"v{i}"))]);
        await Session.WriteRowsAsync(Remove("fizz", "k3"), Put("fizz", "k6", new string('x', 200_000)), Put("fizz", "Ünïcode %2F/'\"", ""));

        foreach (var reopened in new[] { false, true })
        {
            if (reopened)
            {
                await Session.ReopenAsync();
            }

            var rows = await Session.Store.ReadRowsAsync("fizz", CancellationToken.None);
            Assert.Equal(100, rows.Count);
            Assert.All(rows, row => Assert.Equal("fizz", row.Key.Table));
            var values = rows.ToDictionary(row => row.Key.Key, row => (Encoding.UTF8.GetString(row.Value.Span), row.Version));
            Assert.Equal(("v9", 1), values["k9"]);
            Assert.Equal((new string('x', 200_000), 2), values["k6"]);
            Assert.Equal(("", 1), values["Ünïcode %2F/'\""]);
            Assert.DoesNotContain("k3", values);
            Assert.Equal(200, (await Session.Store.ReadRowsAsync("other", CancellationToken.None)).Count);
        }
    }

    [Fact]
    public async Task Row_KeysThatDifferInCaseOnly_AreTwo()
    {
        await Session.WriteRowsAsync(Put("t", "a", "small"), Put("t", "A", "large"), Put("T", "a", "other table"));
        Assert.Equal(("small", 1), await ReadRowAsync("t", "a"));
        Assert.Equal(("large", 1), await ReadRowAsync("t", "A"));
        Assert.Equal(("other table", 1), await ReadRowAsync("T", "a"));
    }

    private static RowChange Put(string table, string key, string value, long? expected = null) =>
        new(new RowKey(table, key), Encoding.UTF8.GetBytes(value), expected);

    private static RowChange Remove(string table, string key, long? expected = null) => new(new RowKey(table, key), null, expected);

    private async Task<(string Value, long Version)?> ReadRowAsync(string table, string key) =>
        await Session.Store.ReadRowAsync(new RowKey(table, key), CancellationToken.None) is { } row
            ? (Encoding.UTF8.GetString(row.Value.Span), row.Version)
            : null;
}
