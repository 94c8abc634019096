using System.Collections.Concurrent;
using Granary.Silo.Storage.Postgres;
using Granary.Testing.Logs;
using Granary.Testing.Postgres;
using Microsoft.Extensions.Logging;
using Npgsql;

namespace Granary.Storage.Tests.Postgres;

/// <summary>Whether a start waits for its database, and for how long.</summary>
public sealed class DatabaseWaitTests : IAsyncLifetime
{
    private const int Waits = 3343, Answers = 3344;

    private static readonly TimeSpan Limit = TimeSpan.FromSeconds(30), Most = TimeSpan.FromSeconds(5), Second = TimeSpan.FromSeconds(1);

    private readonly ConcurrentQueue<LogLine> _told = [];
    private readonly LoggerFactory _log;
    private readonly SteppedTime _time = new();
    private NpgsqlDataSource _database = null!;
    private string _late = "";

    public DatabaseWaitTests() => _log = new LoggerFactory([new LineProvider(_told.Enqueue, LogLevel.Information)]);

    public async Task InitializeAsync()
    {
        var connection = await (await PostgresServer.SharedAsync()).CreateDatabaseAsync();
        _database = NpgsqlDataSource.Create(connection + ";Pooling=false");

        // To such a user the server is one that has no room yet, as one that starts is.
        var user = $"late_{Guid.NewGuid():n}";
        await ExecuteAsync($"create user {user} connection limit 0");
        _late = new NpgsqlConnectionStringBuilder(connection) { Username = user }.ConnectionString;
    }

    public async Task DisposeAsync()
    {
        await _database.DisposeAsync();
        _time.Dispose();
        _log.Dispose();
    }

    [Fact]
    public async Task Database_ThatGetsThere_IsWaitedFor()
    {
        var waiting = RunAsync(_late);
        await _time.StepAsync(Second);
        Assert.False(waiting.IsCompleted);

        await ExecuteAsync($"alter user {new NpgsqlConnectionStringBuilder(_late).Username} connection limit -1");
        _time.Advance(Second);

        await waiting.WaitAsync(Limit);
        Assert.Equal([Waits, Answers], Told());
        Assert.Contains("The start waits for it, for up to 5 s", _told.First().Text, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Database_ThatStaysAway_IsWaitedForAsLongAsIsSaid()
    {
        var waiting = RunAsync(_late);
        for (var waited = Second; waited < Most; waited += Second)
        {
            await _time.StepAsync(Second);
        }

        Assert.False(waiting.IsCompleted);
        _time.Advance(Second);

        await waiting.WaitAsync(Limit);
        Assert.Equal([Waits], Told());
    }

    [Fact]
    public async Task Database_ThatThereIsNot_IsNotWaitedFor()
    {
        await RunAsync(new NpgsqlConnectionStringBuilder(_database.ConnectionString) { Database = "nowhere" }.ConnectionString).WaitAsync(Limit);
        Assert.Empty(Told());
    }

    private Task RunAsync(string connection) => DatabaseWait.RunAsync(new PostgresOptions(connection), Most, _time, _log.CreateLogger<DatabaseWaitTests>(), CancellationToken.None);

    private int[] Told() => [.. _told.Select(static line => line.Event)];

    private async Task ExecuteAsync(string sql)
    {
        await using var command = _database.CreateCommand(sql);
        await command.ExecuteNonQueryAsync();
    }
}
