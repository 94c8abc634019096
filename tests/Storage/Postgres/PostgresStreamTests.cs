using System.Diagnostics;
using Granary.Silo.Storage;
using Granary.Silo.Storage.Postgres;
using Granary.Testing.Logs;
using Npgsql;

namespace Granary.Storage.Tests.Postgres;

/// <summary>Streams have their batches beside the ring of those of queues, where they are deleted.</summary>
public sealed class PostgresStreamTests
{
    [Fact]
    public async Task Streams_KeepNoQueuesSpaceFromBeingGivenBack()
    {
        var watched = new WatchedLog();
        var home = await PostgresHome.CreateAsync();
        await using var store = PostgresHome.NewStore(
            new PostgresOptions(home.ConnectionString) { PartitionBytes = 1 << 20, IdleTime = TimeSpan.FromMilliseconds(50) }, watched);
        await store.OpenAsync(CancellationToken.None);
        var stream = store.Create(StoreSession.Identity("stream") with { IsStream = true }, 1);
        var queue = store.Create(StoreSession.Identity("queue"), 1);
        for (var i = 0; i < 40; i++)
        {
            // Every second flush has both; the others are of the common kind, of one batch of one queue.
            var flush = new Flush { MustSync = true };
            flush.Queues.Add(new QueueChanges(stream) { IsCreated = i == 0, Runs = { Messages.Run(i * 100, 100, size: 500) }, OffsetBound = 100_000 });
            if (i % 2 == 0)
            {
                flush.Queues.Add(new QueueChanges(queue)
                {
                    IsCreated = i == 0,
                    Runs = { Messages.Run(i * 100, 100, size: 500) },
                    Settled = { new(i * 100, 100) },
                    OffsetBound = 100_000,
                });
            }

            await PostgresHome.RepeatAsync(store, flush);
        }

        Assert.Equal(4_000, await CountAsync(home, "select coalesce(sum(count), 0) from granary.batches_streams where piece = 0"));
        await WaitUntilAsync(home, "select count(*) from granary.batches where ring >= 0", 0);

        await PostgresHome.RepeatAsync(store, new Flush { MustSync = true, Queues = { new QueueChanges(stream) { Settled = { new(0, 3_000) }, OffsetBound = 100_000 } } });
        await WaitUntilAsync(home, "select coalesce(sum(count), 0) from granary.batches_streams where piece = 0", 1_000);
        var next = await store.TakeOverAsync(stream.Identity, 0, CancellationToken.None);
        Assert.Equal((3_000, 4_000, 1_000), (next.Backlog.First, next.Backlog.NextOffset, next.Backlog.Count));
        Assert.Equal(Messages.Of(Messages.Run(3_000, 100, size: 500)), Messages.Of(await store.ReadAsync(next, 0, 3_100, 1 << 20, CancellationToken.None)));

        await PostgresHome.RepeatAsync(store, new Flush { MustSync = true, Queues = { new QueueChanges(next) { IsDeleted = true } } });
        await WaitUntilAsync(home, "select count(*) from granary.batches_streams", 0);
        watched.Check();
    }

    private static async Task WaitUntilAsync(PostgresHome home, string sql, long expected)
    {
        var since = Stopwatch.StartNew();
        while (await CountAsync(home, sql) is var count && count != expected)
        {
            Assert.True(since.Elapsed < TimeSpan.FromSeconds(60), $"{sql}: {count}");
            await Task.Delay(50);
        }
    }

    private static async Task<long> CountAsync(PostgresHome home, string sql)
    {
        await using var database = NpgsqlDataSource.Create(home.ConnectionString + ";Pooling=false");
        await using var command = database.CreateCommand(sql);
        return Convert.ToInt64(await command.ExecuteScalarAsync(), System.Globalization.CultureInfo.InvariantCulture);
    }
}
