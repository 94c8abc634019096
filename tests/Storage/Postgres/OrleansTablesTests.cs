using System.Data;
using Npgsql;

namespace Granary.Storage.Tests.Postgres;

/// <summary>The statements that Orleans' ADO.NET providers take from the database by key, called as the providers call them.</summary>
public sealed class OrleansTablesTests : IAsyncLifetime
{
    private static readonly DateTime Start = new(2026, 1, 2, 3, 4, 5, DateTimeKind.Utc);

    private readonly Dictionary<string, string> _queries = [];
    private NpgsqlDataSource? _database;

    private NpgsqlDataSource Database => _database ?? throw new InvalidOperationException("The test has not begun.");

    public async Task InitializeAsync()
    {
        var home = await PostgresHome.CreateAsync();
        await using (var store = home.NewStore())
        {
            await store.OpenAsync(CancellationToken.None);
        }

        _database = NpgsqlDataSource.Create(home.ConnectionString + ";Pooling=false");
        foreach (var row in await RunAsync("SELECT QueryKey, QueryText FROM OrleansQuery"))
        {
            _queries.Add((string)row["querykey"]!, (string)row["querytext"]!);
        }
    }

    public async Task DisposeAsync() => await Database.DisposeAsync();

    [Fact]
    public async Task Membership_ChangesUnderTheVersionThatWasRead_AndUnderNoOther()
    {
        Assert.Equal(1, await ScalarAsync("InsertMembershipVersionKey", Cluster));
        Assert.Equal(0, await ScalarAsync("InsertMembershipVersionKey", Cluster));
        var only = Assert.Single(await QueryAsync("MembershipReadAllKey", Cluster));
        Assert.Equal((0, null), (only["version"], only["starttime"]));

        Assert.Equal(0, await ScalarAsync("InsertMembershipKey", [.. Silo(1), .. SiloDetails, new("Version", 3)]));
        Assert.Equal(1, await ScalarAsync("InsertMembershipKey", [.. Silo(1), .. SiloDetails, new("Version", 0)]));
        Assert.Equal(0, await ScalarAsync("InsertMembershipKey", [.. Silo(1), .. SiloDetails, new("Version", 1)]));
        Assert.Equal(1, await ScalarAsync("InsertMembershipKey", [.. Silo(2), .. SiloDetails, new("Version", 1)]));
        Assert.Equal(0, await ScalarAsync("UpdateMembershipKey", [.. Silo(1), .. Update(status: 3), new("Version", 1)]));
        Assert.Equal(1, await ScalarAsync("UpdateMembershipKey", [.. Silo(1), .. Update(status: 3), new("Version", 2)]));

        var row = Assert.Single(await QueryAsync("MembershipReadRowKey", Silo(1)));
        Assert.Equal((3, 3, "silo", 30000, Start), (row["version"], row["status"], row["siloname"], row["proxyport"], row["starttime"]));
        Assert.Equal(2, (await QueryAsync("MembershipReadAllKey", Cluster)).Count);
        Assert.Single(await QueryAsync("GatewaysQueryKey", [.. Cluster, new("Status", 3)]));

        await QueryAsync("UpdateIAmAlivetimeKey", [.. Silo(2), new("IAmAliveTime", Start.AddDays(1))]);
        await QueryAsync("CleanupDefunctSiloEntriesKey", [.. Cluster, new("IAmAliveTime", Start.AddDays(9))]);
        Assert.Single(await QueryAsync("MembershipReadAllKey", Cluster));
        await QueryAsync("DeleteMembershipTableEntriesKey", Cluster);
        Assert.Empty(await QueryAsync("MembershipReadAllKey", Cluster));
    }

    [Theory]
    [InlineData(null)]
    [InlineData("%2F/orders")]
    public async Task Storage_WritesUnderTheVersionThatWasRead_AndUnderNoOther(string? key)
    {
        Assert.Empty(await QueryAsync("ReadFromStorageKey", Grain(key)));
        Assert.Equal(1, await WriteAsync(key, null, [1]));
        Assert.Null(await WriteAsync(key, null, [2]));
        Assert.Equal(2, await WriteAsync(key, 1, [3]));
        Assert.Equal(1, await WriteAsync(key, 1, [4]));

        var row = Assert.Single(await QueryAsync("ReadFromStorageKey", Grain(key)));
        Assert.Equal([3], (byte[])row["payloadbinary"]!);
        Assert.Equal(2, row["version"]);
        Assert.Empty(await QueryAsync("ReadFromStorageKey", Grain("another")));

        Assert.Empty(await QueryAsync("ClearStorageKey", [.. Grain(key), new("GrainStateVersion", 1)]));
        Assert.Equal(3, await ScalarAsync("ClearStorageKey", [.. Grain(key), new("GrainStateVersion", 2)]));
        Assert.Null(Assert.Single(await QueryAsync("ReadFromStorageKey", Grain(key)))["payloadbinary"]);
        Assert.Equal(4, await ScalarAsync("DeleteStorageKey", [.. Grain(key), new("GrainStateVersion", 3)]));
        Assert.Empty(await QueryAsync("ReadFromStorageKey", Grain(key)));
    }

    [Fact]
    public async Task Reminders_AreFoundByGrainAndByRange()
    {
        Assert.Equal(0, await UpsertAsync("a", hash: -5));
        Assert.Equal(1, await UpsertAsync("a", hash: -5));
        Assert.Equal(0, await UpsertAsync("b", hash: 7));

        Assert.Equal(1, Assert.Single(await QueryAsync("ReadReminderRowKey", [.. Reminder("a"), new("ReminderName", "tick")]))["version"]);
        Assert.Single(await QueryAsync("ReadReminderRowsKey", Reminder("b")));
        Assert.Equal("b", Assert.Single(await QueryAsync("ReadRangeRows1Key", Range(0, 7)))["grainid"]);
        Assert.Equal("a", Assert.Single(await QueryAsync("ReadRangeRows2Key", Range(7, -5)))["grainid"]);
        Assert.Equal(0, await ScalarAsync("DeleteReminderRowKey", [.. Reminder("a"), new("ReminderName", "tick"), new("Version", 0)]));
        Assert.Equal(1, await ScalarAsync("DeleteReminderRowKey", [.. Reminder("a"), new("ReminderName", "tick"), new("Version", 1)]));
        await QueryAsync("DeleteReminderRowsKey", [new("ServiceId", "service")]);
        Assert.Empty(await QueryAsync("ReadReminderRowsKey", Reminder("b")));
    }

    private static Parameter[] Cluster => [new("DeploymentId", "cluster")];

    private static Parameter[] SiloDetails =>
    [
        new("SiloName", "silo"), new("HostName", "host"), new("Status", 1), new("ProxyPort", 30000), new("StartTime", Start), new("IAmAliveTime", Start),
    ];

    private static Parameter[] Silo(int generation) =>
        [.. Cluster, new("Address", "127.0.0.1"), new("Port", 11111), new("Generation", generation)];

    private static Parameter[] Update(int status) => [new("Status", status), new("SuspectTimes", null, DbType.String), new("IAmAliveTime", Start)];

    private static Parameter[] Grain(string? key) =>
    [
        new("GrainIdHash", 11), new("GrainIdN0", 1L), new("GrainIdN1", 2L), new("GrainTypeHash", 22), new("GrainTypeString", "QueueGrain"),
        new("GrainIdExtensionString", key, DbType.String), new("ServiceId", "service"),
    ];

    private static Parameter[] Reminder(string grain) => [new("ServiceId", "service"), new("GrainId", grain)];

    private static Parameter[] Range(int begin, int end) => [new("ServiceId", "service"), new("BeginHash", begin), new("EndHash", end)];

    private Task<object?> WriteAsync(string? key, int? version, byte[] payload) =>
        ScalarAsync("WriteToStorageKey", [.. Grain(key), new("GrainStateVersion", version, DbType.Int32), new("PayloadBinary", payload)]);

    private Task<object?> UpsertAsync(string grain, int hash) =>
        ScalarAsync("UpsertReminderRowKey", [.. Reminder(grain), new("ReminderName", "tick"), new("StartTime", Start), new("Period", 60_000), new("GrainHash", hash)]);

    private async Task<object?> ScalarAsync(string key, params Parameter[] parameters) =>
        Assert.Single(Assert.Single(await QueryAsync(key, parameters)).Values);

    private Task<List<Dictionary<string, object?>>> QueryAsync(string key, params Parameter[] parameters) => RunAsync(_queries[key], parameters);

    private async Task<List<Dictionary<string, object?>>> RunAsync(string sql, params Parameter[] parameters)
    {
        await using var command = Database.CreateCommand(sql);
        foreach (var (name, value, type) in parameters)
        {
            var parameter = new NpgsqlParameter(name, value ?? DBNull.Value);
            if (type is { } known)
            {
                parameter.DbType = known;
            }

            command.Parameters.Add(parameter);
        }

        var rows = new List<Dictionary<string, object?>>();
        await using var reader = await command.ExecuteReaderAsync();
        while (await reader.ReadAsync())
        {
            rows.Add(Enumerable.Range(0, reader.FieldCount).ToDictionary(reader.GetName, i => reader.IsDBNull(i) ? null : reader.GetValue(i)));
        }

        return rows;
    }

    private sealed record Parameter(string Name, object? Value, DbType? Type = null);
}
