using System.Net;
using Granary.Silo.Hosting.Cluster;
using Granary.Silo.Storage;
using Granary.Silo.Storage.Postgres;
using Npgsql;

namespace Granary.Storage.Tests.Postgres;

public sealed partial class PostgresFencingTests
{
    private const int Active = 3, Dead = 6;

    private static readonly RowKey Definition = new("queue", "%2F/orders");

    /// <summary>Its queue has an epoch, which fences its messages; its row has none, and begins at version 1 again.</summary>
    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task LostSilo_ThatComesBack_ChangesNoDefinitionThatOthersHaveRead(bool isRenewed)
    {
        var lost = await OpenOfAsync("10.0.0.1:11111@7");
        await ChangeAsync(lost, 1, expected: 0);
        await DeclareAsync("10.0.0.1", 7, Active);
        var other = await OpenOfAsync("10.0.0.2:11111@8");
        await other.ReadRowAsync(Definition, CancellationToken.None);
        await ChangeAsync(lost, 2);

        await DeclareAsync("10.0.0.1", 7, Dead);
        Assert.Equal(2, (await other.ReadRowAsync(Definition, CancellationToken.None))!.Version);
        if (isRenewed)
        {
            await ChangeAsync(other, null);
            await ChangeAsync(other, 3, expected: 0);
        }

        await Assert.ThrowsAsync<StoreFencedException>(() => ChangeAsync(lost, null));
        await Assert.ThrowsAsync<StoreFencedException>(() => ChangeAsync(lost, 4, expected: 1));
        Assert.Equal(isRenewed ? 3 : 2, (await other.ReadRowAsync(Definition, CancellationToken.None))!.Value.Span[0]);
        await ChangeAsync(other, 5);
    }

    /// <summary>Of one batch, for which the database has another function; on the connection that there is, and on a new one.</summary>
    [Fact]
    public async Task LostSilo_ThatComesBack_IsToldSoWithEveryFlush()
    {
        var lost = await OpenOfAsync("10.0.0.1:11111@7");
        var queue = await CreateAsync(lost, "kept");
        await WriteAsync(lost, queue, 0);
        await DeclareAsync("10.0.0.1", 7, Dead);
        await (await OpenOfAsync("10.0.0.2:11111@8")).ReadRowsAsync(Definition.Table, CancellationToken.None);

        for (var i = 0; i < 3; i++)
        {
            var refused = await Assert.ThrowsAsync<StoreFencedException>(() => WriteAsync(lost, queue, 1));
            Assert.StartsWith("PostgreSQL takes nothing of this process any more: the other members of its cluster have declared it dead", refused.Message, StringComparison.Ordinal);
        }
    }

    /// <summary>It would fence who has the queue by then, for nothing.</summary>
    [Fact]
    public async Task LostSilo_ThatComesBack_TakesNoQueueOver()
    {
        var lost = await OpenOfAsync("10.0.0.1:11111@7");
        var queue = await CreateAsync(lost, "moved");
        await DeclareAsync("10.0.0.1", 7, Active);
        Assert.True((await lost.TakeOverAsync(queue.Identity, 0, CancellationToken.None)).Epoch > queue.Epoch);
        await DeclareAsync("10.0.0.1", 7, Dead);
        var other = await OpenOfAsync("10.0.0.2:11111@8");
        await other.ReadRowAsync(Definition, CancellationToken.None);
        var taken = await other.TakeOverAsync(queue.Identity, 0, CancellationToken.None);

        await Assert.ThrowsAsync<StoreFencedException>(() => lost.TakeOverAsync(queue.Identity, 0, CancellationToken.None));
        await Assert.ThrowsAsync<StoreFencedException>(() => lost.TakeOverAsync(StoreSession.Identity("never there"), 0, CancellationToken.None));
        Assert.Empty((await WriteAsync(other, taken, 0)).Fenced);
    }

    /// <summary>What it has begun is done when the others are told that it does nothing any more.</summary>
    [Fact]
    public async Task LostSilo_ThatWaitsForAQueue_HasItBeforeItIsKeptOut()
    {
        var lost = await OpenOfAsync("10.0.0.1:11111@7", lockPatience: Limit);
        var queue = await CreateAsync(lost, "awaited");
        await using var database = NpgsqlDataSource.Create(_connectionString + ";Pooling=false");
        await using var holder = await database.OpenConnectionAsync();
        await using var transaction = await holder.BeginTransactionAsync();
        await ExecuteAsync(holder, $"select from granary.queues where id = {queue.Id} for no key update");
        var taking = lost.TakeOverAsync(queue.Identity, 0, CancellationToken.None);
        await WaitForBlockedAsync(holder);
        await DeclareAsync("10.0.0.1", 7, Dead);

        await using var other = await database.OpenConnectionAsync();
        var fencing = ExecuteAsync(other, "select granary.fence_lost()");
        await Task.WhenAny(fencing, WaitForAsync($"select cardinality(pg_blocking_pids({other.ProcessID})) > 0"));
        var isEarly = fencing.IsCompleted;
        await transaction.RollbackAsync();
        await fencing;

        Assert.False(isEarly);
        Assert.True((await taking).Epoch > queue.Epoch);
    }

    [Fact]
    public async Task LostSilo_ThatIsBeingKeptOut_TakesNoQueueOver()
    {
        var lost = await OpenOfAsync("10.0.0.1:11111@7", lockPatience: Limit);
        var queue = await CreateAsync(lost, "kept");
        await DeclareAsync("10.0.0.1", 7, Dead);
        await using var database = NpgsqlDataSource.Create(_connectionString + ";Pooling=false");
        await using var other = await database.OpenConnectionAsync();
        await using var transaction = await other.BeginTransactionAsync();
        await ExecuteAsync(other, "select granary.fence_lost()");
        var taking = lost.TakeOverAsync(queue.Identity, 0, CancellationToken.None);
        await Task.WhenAny(taking, WaitForBlockedAsync(other));
        await transaction.CommitAsync();

        await Assert.ThrowsAsync<StoreFencedException>(() => taking);
    }

    /// <summary>Who takes a queue over may have to wait for another process.</summary>
    [Fact]
    public async Task Silo_ThatWaitsForAQueue_GoesOnWriting()
    {
        var store = await OpenOfAsync("10.0.0.1:11111@7", lockPatience: Limit);
        var queue = await CreateAsync(store, "awaited");
        StoredQueue[] others = [await CreateAsync(store, "one"), await CreateAsync(store, "two")];
        await using var database = NpgsqlDataSource.Create(_connectionString + ";Pooling=false");
        await using var holder = await database.OpenConnectionAsync();
        await using var transaction = await holder.BeginTransactionAsync();
        await ExecuteAsync(holder, $"select from granary.queues where id = {queue.Id} for no key update");
        var taking = store.TakeOverAsync(queue.Identity, 0, CancellationToken.None);
        await WaitForBlockedAsync(holder);

        var flush = new Flush { MustSync = true };
        flush.Queues.AddRange(others.Select(static other => new QueueChanges(other) { Runs = { Messages.Run(0, 1) }, OffsetBound = 100 }));
        Assert.Empty((await store.FlushAsync(flush, CancellationToken.None)).Fenced);
        Assert.False(taking.IsCompleted);
        await transaction.RollbackAsync();
        await taking;
    }

    /// <summary>Such as one that was started again at the same address.</summary>
    [Fact]
    public async Task Silo_OfAnotherGenerationThanTheLostOne_GoesOn()
    {
        PostgresStore[] others = [await OpenOfAsync("10.0.0.1:11111@8"), await OpenOfAsync("10.0.0.2:11111@7"), await OpenAsync()];
        await DeclareAsync("10.0.0.1", 7, Dead);
        await others[0].ReadRowAsync(Definition, CancellationToken.None);
        foreach (var other in others)
        {
            await ChangeAsync(other, 1);
        }
    }

    /// <summary>Orleans takes entries out that are old; nobody has read anything since it was declared dead.</summary>
    [Fact]
    public async Task LostSilo_TakenFromTheListOfMembers_ChangesNothingAnyMore()
    {
        var lost = await OpenOfAsync("10.0.0.1:11111@7");
        var other = await OpenOfAsync("10.0.0.2:11111@8");
        await DeclareAsync("10.0.0.1", 7, Dead);
        await DeclareAsync("10.0.0.2", 8, Active);
        await using var database = NpgsqlDataSource.Create(_connectionString + ";Pooling=false");
        await using var asked = database.CreateCommand("select QueryText from OrleansQuery where QueryKey = 'CleanupDefunctSiloEntriesKey'");
        await using var cleanup = database.CreateCommand((string)(await asked.ExecuteScalarAsync())!);
        cleanup.Parameters.AddWithValue("DeploymentId", "granary");
        cleanup.Parameters.AddWithValue("IAmAliveTime", DateTime.UtcNow.AddDays(1));
        await cleanup.ExecuteNonQueryAsync();

        await Assert.ThrowsAsync<StoreFencedException>(() => ChangeAsync(lost, 1));
        await ChangeAsync(other, 2);
    }

    /// <summary>Nobody can have declared it dead.</summary>
    [Fact]
    public async Task StoreOfNoCluster_ThatTheDatabaseDoesNotKnow_SaysThatTheDatabaseHasLostIt()
    {
        var store = await OpenAsync();
        await ChangeAsync(store, 1);
        await using var database = NpgsqlDataSource.Create(_connectionString + ";Pooling=false");
        await using var forget = database.CreateCommand("delete from granary.writers");
        await forget.ExecuteNonQueryAsync();

        var lost = await Assert.ThrowsAsync<StoreLostException>(() => ChangeAsync(store, 2));
        Assert.StartsWith("PostgreSQL has lost what it had confirmed: flush 1 of this process was synced, and the database knows 0.", lost.Message, StringComparison.Ordinal);
    }

    /// <summary>Members are named in one way everywhere, and the database builds the same name from the list of members.</summary>
    [Theory]
    [InlineData("10.0.0.1", "10.0.0.1:11111@7")]
    [InlineData("fd00::1", "fd00::1:11111@7")]
    public async Task NameOfASilo_IsWhatTheListOfMembersMakesOfIt(string address, string name)
    {
        var silo = SiloAddress.New(IPAddress.Parse(address), 11111, 7);
        Assert.Equal(name, LossWatch.NameOf(silo));
        var lost = await OpenOfAsync(LossWatch.NameOf(silo));
        await DeclareAsync(silo.Endpoint.Address.ToString(), silo.Generation, Dead);
        await (await OpenOfAsync("10.0.0.2:11111@8")).ReadRowAsync(Definition, CancellationToken.None);
        await Assert.ThrowsAsync<StoreFencedException>(() => ChangeAsync(lost, 1));
    }

    [Fact]
    public async Task LostSilo_StoppedInTheMiddleOfAFlush_HoldsNobodyUp()
    {
        var lost = await OpenOfAsync("10.0.0.1:11111@7", throughProxy: true);
        var queue = await CreateAsync(lost, "large");
        var flush = new Flush { MustSync = true };
        flush.Queues.Add(new QueueChanges(queue) { Runs = { Messages.Run(0, 400, size: 60_000) }, OffsetBound = 1000 });
        flush.Rows.Add(new RowChange(Definition, new byte[] { 1 }));
        Proxy.StallAfter(13_000_000);
        var writing = Task.Run(() => lost.FlushAsync(flush, CancellationToken.None).AsTask());
        await Proxy.Stalled.WaitAsync(TimeSpan.FromSeconds(30));
        await WaitForLockAsync(queue);
        await DeclareAsync("10.0.0.1", 7, Dead);

        // Several find it at the same time: they wait for each other, too, and none takes another for who holds them up.
        PostgresStore[] others = [await OpenOfAsync("10.0.0.2:11111@8"), await OpenOfAsync("10.0.0.3:11111@9"), await OpenOfAsync("10.0.0.4:11111@9")];
        var (rows, time) = await TimeAsync(() => Task.WhenAll(others.SelectMany(
            other => Enumerable.Range(0, 4).Select(_ => other.ReadRowAsync(Definition, CancellationToken.None)))));
        Assert.InRange(time, TimeSpan.FromSeconds(0.9), TakeOverLimit);
        Assert.All(rows, Assert.Null);

        Proxy.Resume();
        await Assert.ThrowsAsync<StoreUnavailableException>(() => writing);
        await Assert.ThrowsAsync<StoreFencedException>(() => lost.FlushAsync(flush, CancellationToken.None).AsTask());
        Assert.Null(await others[0].ReadRowAsync(Definition, CancellationToken.None));
    }

    private Task<PostgresStore> OpenOfAsync(string silo, bool throughProxy = false, TimeSpan? lockPatience = null) => OpenAsync(throughProxy, silo, lockPatience);

    private static async Task ExecuteAsync(NpgsqlConnection connection, string sql)
    {
        await using var command = new NpgsqlCommand(sql, connection);
        await command.ExecuteNonQueryAsync();
    }

    private Task WaitForBlockedAsync(NpgsqlConnection holder) =>
        WaitForAsync($"select exists (select from pg_stat_activity where {holder.ProcessID} = any (pg_blocking_pids(pid)))");

    private static async Task ChangeAsync(PostgresStore store, byte? value, long? expected = null)
    {
        var flush = new Flush { MustSync = true };
        flush.Rows.Add(new RowChange(Definition, value is { } octet ? new byte[] { octet } : (ReadOnlyMemory<byte>?)null, expected));
        Assert.Empty((await store.FlushAsync(flush, CancellationToken.None)).Conflicts);
    }

    /// <summary>As the members of a cluster write it into the list of members.</summary>
    private async Task DeclareAsync(string address, int generation, int status)
    {
        await using var database = NpgsqlDataSource.Create(_connectionString + ";Pooling=false");
        await using var command = database.CreateCommand(
            "insert into OrleansMembershipVersionTable (DeploymentId) values ('granary') on conflict do nothing;"
            + "insert into OrleansMembershipTable (DeploymentId, Address, Port, Generation, SiloName, HostName, Status, StartTime, IAmAliveTime)"
            + $"values ('granary', '{address}', 11111, {generation}, 'silo', 'host', {status}, now(), now())"
            + $"on conflict (DeploymentId, Address, Port, Generation) do update set Status = {status}");
        await command.ExecuteNonQueryAsync();
    }
}
