using System.Globalization;
using Granary.Silo.Hosting;
using Granary.Silo.Storage;
using Granary.Silo.Storage.Postgres;
using Granary.Testing.Logs;
using Granary.Testing.Postgres;
using Npgsql;

namespace Granary.Storage.Tests.Postgres;

/// <summary>How many connections processes need, and what they say where there are not as many.</summary>
public sealed class ServerRoomTests : IAsyncLifetime
{
    private const int Places = 17, Reserved = 3, NeededByNode = 13;

    private readonly WatchedLog _watched = new();
    private readonly List<NpgsqlConnection> _taken = [];
    private PostgresServer _server = null!;
    private string _database = "";

    public async Task InitializeAsync()
    {
        _server = await PostgresServer.StartAsync(null, $"max_connections = {Places}", $"superuser_reserved_connections = {Reserved}");
        _database = await _server.CreateDatabaseAsync();
    }

    public async Task DisposeAsync()
    {
        foreach (var connection in _taken)
        {
            await connection.DisposeAsync();
        }

        await _server.DisposeAsync();
        _watched.Check();
    }

    [Fact]
    public void Processes_OfALargeCluster_FitIntoAHundredConnections()
    {
        var silo = ConnectionBudget.OfSilo(new PostgresOptions("") { IsMember = true });

        // As docs/operations.md has it.
        Assert.Equal((16, 2, NeededByNode), (silo, ConnectionBudget.OfGateway, ConnectionBudget.OfSilo(new PostgresOptions(""))));
        Assert.InRange((3 * silo) + (10 * ConnectionBudget.OfGateway), 0, 97);
    }

    [Fact]
    public async Task Node_WithJustEnoughRoom_Starts()
    {
        await TakeAsync(Places - Reserved - NeededByNode);

        await using var store = NewStore(_database);
        await store.OpenAsync(CancellationToken.None);
    }

    [Fact]
    public async Task Node_WithoutEnoughRoom_IsRefusedWithWhatToDo()
    {
        await TakeAsync(Places - Reserved - NeededByNode + 1);

        Assert.StartsWith(
            "PostgreSQL has room for 12 more connections (max_connections is 17, 2 are in use, 3 are reserved), and this process opens up to 13. Give it more (max_connections,",
            await RefusalAsync(_database), StringComparison.Ordinal);
        Assert.Null(await GatewayRefusalAsync(_database));
    }

    [Fact]
    public async Task Process_WithoutAnyRoom_IsRefusedWithWhatToDo()
    {
        await ExecuteAsync("create user guest createrole");
        await TakeAsync(Places - Reserved);
        var ofGuest = new NpgsqlConnectionStringBuilder(_database) { Username = "guest" }.ConnectionString;

        Assert.StartsWith("PostgreSQL has no room for another connection, and this process opens up to 13: ", await RefusalAsync(ofGuest), StringComparison.Ordinal);
        Assert.StartsWith("PostgreSQL has no room for another connection, and this process opens up to 2: ", await GatewayRefusalAsync(ofGuest), StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("create user guest connection limit 11", "the limit of user guest is 11, 0 are in use")]
    [InlineData("create user guest; alter database {0} connection limit 11", "the limit of database {0} is 11, 0 are in use")]
    public async Task Node_WithALimitOfItsOwn_IsRefusedByIt(string sql, string limit)
    {
        var ofGuest = new NpgsqlConnectionStringBuilder(_database) { Username = "guest" };
        await ExecuteAsync(string.Format(CultureInfo.InvariantCulture, sql, ofGuest.Database));

        var refusal = await RefusalAsync(ofGuest.ConnectionString);

        Assert.StartsWith(
            $"PostgreSQL has room for 11 more connections ({string.Format(CultureInfo.InvariantCulture, limit, ofGuest.Database)}), and this process opens up to 13.", refusal, StringComparison.Ordinal);
    }

    [Fact]
    public async Task User_WhoOwnsTheDatabaseAndNothingElse_IsEnough()
    {
        var ofGuest = new NpgsqlConnectionStringBuilder(_database) { Username = "guest" };
        await ExecuteAsync($"create user guest; alter database {ofGuest.Database} owner to guest");
        await using var store = NewStore(ofGuest.ConnectionString);

        await store.OpenAsync(CancellationToken.None);

        // The server tells even such a user which one it is.
        await using var database = NpgsqlDataSource.Create(ofGuest.ConnectionString + ";Pooling=false");
        await using var command = database.CreateCommand("select count(*) from granary.servers where system <> 0 and timeline = 1");
        Assert.Equal(1L, await command.ExecuteScalarAsync());
    }

    [Fact]
    public async Task Node_WithoutAPoolOfItsOwnInTheConnectionString_KeepsToItsNumberAllTheSame()
    {
        var options = new PostgresOptions(_database + ";Pooling=false;Maximum Pool Size=1000");
        await using var store = PostgresHome.NewStore(options, _watched);
        await store.OpenAsync(CancellationToken.None);
        var queue = store.Create(StoreSession.Identity("busy"), 1);
        var flush = new Flush { MustSync = true };
        flush.Queues.Add(new QueueChanges(queue) { IsCreated = true, Runs = { Messages.Run(0, 10) }, OffsetBound = 10 });
        await store.FlushAsync(flush, CancellationToken.None);

        // Far more at once than there may be connections.
        var takenOver = Enumerable.Range(0, 200).Select(number => store.TakeOverAsync(StoreSession.Identity($"{number}"), 0, CancellationToken.None)).ToList();
        var most = 0L;
        var all = Task.WhenAll(takenOver);
        while (!all.IsCompleted)
        {
            most = Math.Max(most, await CountAsync());
        }

        await all;
        Assert.InRange(most, 1, NeededByNode);
    }

    private PostgresStore NewStore(string connection) => PostgresHome.NewStore(new PostgresOptions(connection), _watched);

    private async Task<string> RefusalAsync(string connection)
    {
        await using var store = NewStore(connection);
        return (await Assert.ThrowsAsync<StoreException>(() => store.OpenAsync(CancellationToken.None))).Message;
    }

    private static Task<string?> GatewayRefusalAsync(string connection) =>
        StoreHosting.TryPrepareDatabaseAsync(new StoreOptions(StoreKind.Postgres, Connection: connection), admitsOthers: false, CancellationToken.None);

    private async Task TakeAsync(int count)
    {
        for (var i = 0; i < count; i++)
        {
            var connection = new NpgsqlConnection(_server.ConnectionString + ";Pooling=false");
            await connection.OpenAsync();
            _taken.Add(connection);
        }

        // Those that were closed before, of which the server may still count one.
        using var limit = new CancellationTokenSource(TimeSpan.FromSeconds(30));
        await using var command = new NpgsqlCommand("select count(*) from pg_stat_activity where backend_type = 'client backend'", _taken[0]);
        while ((long)(await command.ExecuteScalarAsync(limit.Token))! > count)
        {
            await Task.Delay(20, limit.Token);
        }
    }

    private async Task ExecuteAsync(string sql)
    {
        await using var database = NpgsqlDataSource.Create(_server.ConnectionString + ";Pooling=false");
        await using var command = database.CreateCommand(sql);
        await command.ExecuteNonQueryAsync();
    }

    private async Task<long> CountAsync()
    {
        await using var database = NpgsqlDataSource.Create(_server.ConnectionString + ";Pooling=false");
        await using var command = database.CreateCommand("select count(*) from pg_stat_activity where application_name = 'granary'");
        return (long)(await command.ExecuteScalarAsync())!;
    }
}
