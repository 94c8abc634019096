using System.Diagnostics;
using Granary.Core.Links;
using Granary.Silo.Queues.Messages;
using Granary.Silo.Storage;
using Granary.Silo.Storage.Postgres;
using Granary.Testing.Logs;
using Granary.Testing.Postgres;
using Npgsql;

namespace Granary.Storage.Tests.Postgres;

/// <summary>A server that is killed, stopped, full or strange.</summary>
public sealed class PostgresServerTests : IDisposable
{
    private readonly WatchedLog _watched = new();

    public void Dispose() => _watched.Check();

    [Fact]
    public async Task Server_KilledAgainAndAgainUnderLoad_HasAllThatWasAnswered()
    {
        await using var server = await PostgresServer.StartAsync();
        await using var store = NewStore(new PostgresOptions(await server.CreateDatabaseAsync()));
        await store.OpenAsync(CancellationToken.None);
        var queue = store.Create(StoreSession.Identity("load"), 1);
        using var stop = new CancellationTokenSource();
        var load = WriteUntilAsync(store, queue, stop.Token);

        for (var round = 0; round < 3; round++)
        {
            await Task.Delay(Random.Shared.Next(100, 600));
            await server.KillAsync();
            await server.StartAgainAsync();
        }

        await stop.CancelAsync();
        var written = await load;
        var taken = await store.TakeOverAsync(queue.Identity, 0, CancellationToken.None);
        Assert.True(written > 0);
        Assert.Equal((0, written, written), (taken.Backlog.First, taken.Backlog.Count, taken.Backlog.NextOffset));
    }

    [Fact]
    public async Task Database_ThatRefusesWhatIsWritten_TakesTheSameFlushWhenThatIsMended()
    {
        var home = await PostgresHome.CreateAsync();
        await using var store = NewStore(new PostgresOptions(home.ConnectionString));
        await store.OpenAsync(CancellationToken.None);
        var queue = store.Create(StoreSession.Identity("refused"), 1);
        var flush = new Flush { MustSync = true };
        flush.Queues.Add(new QueueChanges(queue) { IsCreated = true, Runs = { Messages.Run(0, 30) }, OffsetBound = 30 });
        await ExecuteAsync(home, "alter table granary.ring rename to elsewhere");

        for (var i = 0; i < 2; i++)
        {
            var refusal = await Assert.ThrowsAsync<StoreException>(async () => await store.FlushAsync(flush, CancellationToken.None));
            Assert.StartsWith("PostgreSQL refuses: relation \"granary.ring\" does not exist", refusal.Message, StringComparison.Ordinal);
        }

        await ExecuteAsync(home, "alter table granary.elsewhere rename to ring");
        Assert.Empty((await store.FlushAsync(flush, CancellationToken.None)).Fenced);
        Assert.Equal(30, (await store.TakeOverAsync(queue.Identity, 0, CancellationToken.None)).Backlog.Count);
    }

    [Fact]
    public async Task Server_LosesSettlementsThatNobodyWaitedFor_IsToldAgain()
    {
        var home = await PostgresHome.CreateAsync();
        await using var store = NewStore(new PostgresOptions(home.ConnectionString));
        await store.OpenAsync(CancellationToken.None);
        var queue = store.Create(StoreSession.Identity("acknowledged"), 1);
        var other = store.Create(StoreSession.Identity("other"), 1);
        var flush = new Flush { MustSync = true };
        flush.Queues.Add(new QueueChanges(queue) { IsCreated = true, Runs = { Messages.Run(0, 3_000) }, OffsetBound = 3_000 });
        flush.Queues.Add(new QueueChanges(other) { IsCreated = true, Runs = { Messages.Run(0, 5) }, OffsetBound = 5 });
        await store.FlushAsync(flush, CancellationToken.None);

        foreach (var settled in new OffsetRange[] { new(1_000, 1_000), new(0, 900) })
        {
            var settlement = new Flush();
            settlement.Queues.Add(new QueueChanges(queue) { Settled = { settled }, OffsetBound = 3_000, DeliveredBound = 2_000 });
            await store.FlushAsync(settlement, CancellationToken.None);
        }

        // What a crash does at the worst.
        await ExecuteAsync(
            home,
            "update granary.queues set low = 0, delivered_bound = 0; delete from granary.settled; "
            + "select pg_terminate_backend(pid) from pg_stat_activity where datname = current_database() and pid <> pg_backend_pid()");
        var next = new Flush { MustSync = true };
        next.Queues.Add(new QueueChanges(other) { Settled = { new(0, 5) }, OffsetBound = 5 });
        await Assert.ThrowsAsync<StoreUnavailableException>(() => store.FlushAsync(next, CancellationToken.None).AsTask());
        await store.FlushAsync(next, CancellationToken.None);
        await store.TidyAsync(CancellationToken.None);

        var taken = await store.TakeOverAsync(queue.Identity, 0, CancellationToken.None);
        Assert.Equal((900, 1_100, 2_000), (taken.Backlog.First, taken.Backlog.Count, taken.Backlog.DeliveredBound));
        Assert.Equal(0, (await store.TakeOverAsync(other.Identity, 0, CancellationToken.None)).Backlog.Count);
    }

    [Fact]
    public async Task Server_OverAUnixSocket_IsAsGood()
    {
        var server = await PostgresServer.SharedAsync();
        var connection = new NpgsqlConnectionStringBuilder(await server.CreateDatabaseAsync()) { Host = server.SocketFolder };
        await using var store = NewStore(new PostgresOptions(connection.ConnectionString));
        await store.OpenAsync(CancellationToken.None);
        var queue = store.Create(StoreSession.Identity("near"), 1);
        var flush = new Flush { MustSync = true };
        flush.Queues.Add(new QueueChanges(queue) { IsCreated = true, Runs = { Messages.Run(0, 10) } });

        Assert.Empty((await store.FlushAsync(flush, CancellationToken.None)).Fenced);
        Assert.Equal(10, (await store.TakeOverAsync(queue.Identity, 0, CancellationToken.None)).Backlog.Count);
    }

    [Fact]
    public async Task Server_Stopped_IsUnavailableUntilItIsBack()
    {
        await using var server = await PostgresServer.StartAsync();
        await using var store = NewStore(new PostgresOptions(await server.CreateDatabaseAsync()));
        await store.OpenAsync(CancellationToken.None);
        var queue = store.Create(StoreSession.Identity("patient"), 1);
        var flush = new Flush { MustSync = true };
        flush.Queues.Add(new QueueChanges(queue) { IsCreated = true, Runs = { Messages.Run(0, 10) } });

        await server.StopAsync();
        await Assert.ThrowsAsync<StoreUnavailableException>(() => store.FlushAsync(flush, CancellationToken.None).AsTask());
        await Assert.ThrowsAsync<StoreUnavailableException>(() => store.ReadRowsAsync("t", CancellationToken.None));
        await Assert.ThrowsAsync<StoreUnavailableException>(() => store.TakeOverAsync(queue.Identity, 0, CancellationToken.None));

        await server.StartAgainAsync();
        Assert.Empty((await store.FlushAsync(flush, CancellationToken.None)).Fenced);
        Assert.Equal(10, (await store.TakeOverAsync(queue.Identity, 0, CancellationToken.None)).Backlog.Count);
    }

    [Fact]
    public async Task Server_RefusesToExtendATable_IsUnavailableAndTheFlushGoesOnLater()
    {
        // What a full disk says (SQLSTATE 53100), said by a trigger.
        var home = await PostgresHome.CreateAsync();
        await using var store = NewStore(new PostgresOptions(home.ConnectionString));
        await store.OpenAsync(CancellationToken.None);
        await ExecuteAsync(home, """
            create function full_disk() returns trigger language plpgsql as
            $$ begin raise exception 'could not extend file: No space left on device' using errcode = '53100'; end $$;
            create trigger full_disk before insert on granary.batches_0 for each row execute function full_disk();
            """);
        var queue = store.Create(StoreSession.Identity("full"), 1);
        var flush = new Flush { MustSync = true };
        flush.Queues.Add(new QueueChanges(queue) { IsCreated = true, Runs = { Messages.Run(0, 10) } });

        var failure = await Assert.ThrowsAsync<StoreUnavailableException>(() => store.FlushAsync(flush, CancellationToken.None).AsTask());
        Assert.Contains("No space left on device", failure.Message, StringComparison.Ordinal);
        await ExecuteAsync(home, "drop trigger full_disk on granary.batches_0");
        Assert.Empty((await store.FlushAsync(flush, CancellationToken.None)).Fenced);
        Assert.Equal(10, (await store.TakeOverAsync(queue.Identity, 0, CancellationToken.None)).Backlog.Count);
    }

    [Fact]
    public async Task Open_FormatOfANewerVersion_IsRefused()
    {
        var home = await PostgresHome.CreateAsync();
        await using (var store = home.NewStore())
        {
            await store.OpenAsync(CancellationToken.None);
        }

        await ExecuteAsync(home, "insert into granary.format (version) values (99)");
        await using var older = home.NewStore();
        var refusal = await Assert.ThrowsAsync<StoreException>(() => older.OpenAsync(CancellationToken.None));
        Assert.Contains("format 99", refusal.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Open_ManyAtOnceOnAnEmptyDatabase_MigratesItOnce()
    {
        var home = await PostgresHome.CreateAsync();
        await Task.WhenAll(Enumerable.Range(0, 5).Select(async _ =>
        {
            await using var store = home.NewStore();
            await store.OpenAsync(CancellationToken.None);
        }));
    }

    [Theory]
    [InlineData("Host=127.0.0.1;Nonsense=1")]
    [InlineData("not a connection string")]
    public void Options_ConnectionStringThatIsNone_IsRefused(string connectionString) =>
        Assert.Throws<StoreException>(() => NewStore(new PostgresOptions(connectionString)));

    [Fact]
    public async Task Open_DatabaseThatDoesNotExist_SaysSo()
    {
        var server = await PostgresServer.SharedAsync();
        await using var store = NewStore(new PostgresOptions(server.ConnectionString.Replace("Database=postgres", "Database=nowhere", StringComparison.Ordinal)));
        var refusal = await Assert.ThrowsAsync<StoreException>(() => store.OpenAsync(CancellationToken.None));
        Assert.Contains("nowhere", refusal.Message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData(2, 2)]
    [InlineData(10, 1)]
    public async Task Ring_MostMessagesSettled_GivesTheDiskBackAndKeepsTheRest(int queueCount, int sharedEvery)
    {
        var home = await PostgresHome.CreateAsync();
        await using var store = NewStore(
            new PostgresOptions(home.ConnectionString) { PartitionBytes = 1 << 20, IdleTime = TimeSpan.FromMilliseconds(50) });
        await store.OpenAsync(CancellationToken.None);
        var queues = Enumerable.Range(0, queueCount).Select(i => store.Create(StoreSession.Identity($"queue {i}"), 1)).ToArray();
        for (var i = 0; i < 300; i++)
        {
            // Of every thousand messages one is left.
            var run = Messages.Run(i * 100, 100, size: 500);
            var flush = new Flush();
            foreach (var queue in queues)
            {
                var changes = new QueueChanges(queue) { IsCreated = i == 0, Runs = { i % sharedEvery == 0 ? run : Messages.Run(i * 100, 100, size: 500) }, OffsetBound = 100_000 };
                changes.Settled.Add(i % 10 == 0 ? new(i * 100, 99) : new(i * 100, 100));
                flush.Queues.Add(changes);
            }

            await PostgresHome.RepeatAsync(store, flush);
        }

        // At most 1.7 MB are in batches of which a message is left. Half of a partition that stays is live, and a quarter of the current one, which is no
        // larger than all others together or 1 MB: 4.5 MB, of 15 to 22 written.
        await UntilSmallAsync(home, 5 << 20);

        var expected = Enumerable.Range(0, 30).Select(i => i * 1000L + 99).ToArray();
        foreach (var queue in queues)
        {
            var left = new List<MessageRun>();
            while (await store.ReadAsync(queue, left.Count == 0 ? 0 : left[^1].End, long.MaxValue, 1000, CancellationToken.None) is { Length: > 0 } runs)
            {
                left.AddRange(runs);
            }

            Assert.Equal(expected, Messages.Of(left).Select(message => message.Offset));
            Assert.Equal(30, (await store.TakeOverAsync(queue.Identity, 0, CancellationToken.None)).Backlog.Count);
        }
    }

    /// <summary>In one partition, which the ring passes over from then on, or in each.</summary>
    [Theory]
    [InlineData(1)]
    [InlineData(12)]
    public async Task Ring_BacklogsThatStay_GivesTheDiskBackOfWhatGoes(int backlogs)
    {
        const int Backlog = 750_000;
        var home = await PostgresHome.CreateAsync();
        await using var store = NewStore(new PostgresOptions(home.ConnectionString) { PartitionBytes = 1 << 20, IdleTime = TimeSpan.FromMilliseconds(50) });
        await store.OpenAsync(CancellationToken.None);
        var (stays, goes) = (store.Create(StoreSession.Identity("stays"), 1), store.Create(StoreSession.Identity("goes"), 1));
        for (var i = 0; i < backlogs; i++)
        {
            var flush = new Flush();
            flush.Queues.Add(new QueueChanges(stays) { IsCreated = i == 0, Runs = { Messages.Run(i * 1000, 1000, size: Backlog / 1000) }, OffsetBound = (i + 1) * 1000 });
            await PostgresHome.RepeatAsync(store, flush);
            await PassAsync(first: i * 20, count: 20);
        }

        await PassAsync(backlogs * 20, 1_000);

        // Half of a partition that stays is live, and the current one is no larger than all others together: of 100 MB that came and went hardly anything is left.
        await UntilSmallAsync(home, (4L * backlogs * Backlog) + (6 << 20));
        Assert.Equal(backlogs * 1000L, (await store.TakeOverAsync(stays.Identity, 0, CancellationToken.None)).Backlog.Count);

        async Task PassAsync(int first, int count)
        {
            for (var i = first; i < first + count; i++)
            {
                var changes = new QueueChanges(goes) { IsCreated = i == 0, Runs = { Messages.Run(i * 100, 100, size: 1_000) }, OffsetBound = (i + 1) * 100 };
                changes.Settled.Add(new(i * 100, 100));
                var flush = new Flush();
                flush.Queues.Add(changes);
                await PostgresHome.RepeatAsync(store, flush);
            }
        }
    }

    private PostgresStore NewStore(PostgresOptions options) => PostgresHome.NewStore(options, _watched);

    private static async Task UntilSmallAsync(PostgresHome home, long most)
    {
        var smallest = long.MaxValue;
        var since = Stopwatch.StartNew();
        while (await SizeAsync(home) is var size && size > most)
        {
            // On a busy machine it takes its time, but not without getting anywhere.
            Assert.True(size < smallest || since.Elapsed < TimeSpan.FromSeconds(120), $"{size} bytes are left, and have been for long.");
            if (size < smallest)
            {
                smallest = size;
                since.Restart();
            }

            await Task.Delay(50);
        }
    }

    private static async Task<int> WriteUntilAsync(PostgresStore store, StoredQueue queue, CancellationToken stop)
    {
        var written = 0;

        // Flushes keep the thread that asks for them.
        await Task.Yield();
        while (!stop.IsCancellationRequested)
        {
            var flush = new Flush { MustSync = true };
            flush.Queues.Add(new QueueChanges(queue) { IsCreated = written == 0, Runs = { Messages.Run(written, 5) }, OffsetBound = written + 5 });
            while (true)
            {
                try
                {
                    Assert.Empty((await store.FlushAsync(flush, CancellationToken.None)).Fenced);
                    break;
                }
                catch (StoreUnavailableException)
                {
                    await Task.Delay(20, CancellationToken.None);
                }
            }

            written += 5;
        }

        return written;
    }

    private static async Task<long> SizeAsync(PostgresHome home)
    {
        await using var database = NpgsqlDataSource.Create(home.ConnectionString + ";Pooling=false");
        await using var command = database.CreateCommand("select sum(pg_relation_size(inhrelid)) from pg_inherits where inhparent = 'granary.batches'::regclass");
        return (long)(decimal)(await command.ExecuteScalarAsync())!;
    }

    private static async Task ExecuteAsync(PostgresHome home, string sql)
    {
        await using var database = NpgsqlDataSource.Create(home.ConnectionString + ";Pooling=false");
        await using var command = database.CreateCommand(sql);
        await command.ExecuteNonQueryAsync();
    }
}
