using Granary.Silo.Storage.Postgres;
using Microsoft.Extensions.Logging.Abstractions;
using Npgsql;

namespace Granary.Storage.Tests.Postgres;

/// <summary>How the store's connections behave.</summary>
public sealed class DatabaseConnectionsTests
{
    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task Connection_UsedAgain_PlansAsTheFirstTime(bool isForFlushes)
    {
        var home = await PostgresHome.CreateAsync();
        await using (var store = home.NewStore())
        {
            await store.OpenAsync(CancellationToken.None);
        }

        var (options, server) = (new PostgresOptions(home.ConnectionString), new ServerGeneration(NullLogger.Instance));
        await using var database = isForFlushes ? DatabaseConnections.CreateForFlushes(options, server) : DatabaseConnections.Create(options, server);
        var before = 0;
        for (var use = 0; use < 2; use++)
        {
            // Flushes never wait for anything asynchronous.
            await using var connection = isForFlushes ? database.OpenConnection() : await database.OpenConnectionAsync();
            await using var command = new NpgsqlCommand(
                "select concat_ws(' ', current_setting('plan_cache_mode'), current_setting('jit'), current_setting('enable_seqscan'), current_setting('enable_bitmapscan'), current_setting('enable_mergejoin'))",
                connection);
            Assert.Equal("force_generic_plan off off off off", await command.ExecuteScalarAsync());
            Assert.True(before == 0 || before == connection.ProcessID || !isForFlushes, "it is another connection");
            before = connection.ProcessID;
        }
    }

    /// <summary>As some set it for a role or a database: what is confirmed is on the disk all the same. Whoever waits for a standby goes on to.</summary>
    [Theory]
    [InlineData("off", "on")]
    [InlineData("on", "on")]
    [InlineData("remote_apply", "remote_apply")]
    public async Task Connection_ToADatabaseThatDoesNotWaitForTheDisk_DoesWait(string told, string expected)
    {
        var home = await PostgresHome.CreateAsync();
        await using (var store = home.NewStore())
        {
            await store.OpenAsync(CancellationToken.None);
        }

        await using (var owner = NpgsqlDataSource.Create(home.ConnectionString + ";Pooling=false"))
        {
            await using var alter = owner.CreateCommand($"do $$ begin execute format('alter database %I set synchronous_commit = {told}', current_database()); end $$");
            await alter.ExecuteNonQueryAsync();
        }

        await using var database = DatabaseConnections.CreateForFlushes(new PostgresOptions(home.ConnectionString), new ServerGeneration(NullLogger.Instance));
        await using var asked = database.CreateCommand("show synchronous_commit");
        Assert.Equal(expected, await asked.ExecuteScalarAsync());
    }
}
