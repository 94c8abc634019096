using System.Text;
using Granary.Testing.Logs;
using Granary.Testing.Postgres;
using Npgsql;
using RabbitMQ.Client;

namespace Granary.Cluster.Tests;

/// <summary>The cluster's PostgreSQL dies, and a standby takes its place.</summary>
[Collection(LocalCluster.OneAtATime)]
public sealed class DatabaseFailoverTests(Xunit.Abstractions.ITestOutputHelper output)
{
    private const int Broken = 3303, ServerChanged = 3342;

    // What a silo says of an outage.
    private const int NoSiloAnswers = 3511, SiloAnswersAgain = 3512;

    private static readonly int[] OfAnOutage = [.. StoreOutage.Events, ServerChanged];

    [Fact]
    public async Task Standby_WithAllThatWasConfirmed_TakesOverAndClientsLoseNothing()
    {
        await using var primary = await PostgresServer.StartAsync();
        await using var standby = await primary.StartStandbyAsync();
        await ExecuteAsync(primary, "alter system set synchronous_standby_names = '*'", "select pg_reload_conf()");
        await using var cluster = await LocalCluster.StartAsync(silos: 2, gateways: 2, "--connection", ConnectionOf(primary, standby));
        await using var load = await ClusterLoad.StartAsync(cluster.AmqpPort(1), cluster.AmqpPort(2), queues: 20);
        await load.PublishForAsync(TimeSpan.FromSeconds(2));

        var publishing = load.PublishForAsync(TimeSpan.FromSeconds(10));
        await primary.KillAsync();
        await standby.PromoteAsync();
        await publishing;

        await load.CheckAsync();
        output.WriteLine($"{load.Published} messages, the longest confirm took {load.LongestConfirm.TotalSeconds:F2} s");
        Array.ForEach(OfAnOutage, cluster.Allow);

        await Task.WhenAll(cluster.WhenLoggedAsync("silo-1", ServerChanged), cluster.WhenLoggedAsync("silo-2", ServerChanged));
    }

    [Fact]
    public async Task Standby_WithoutWhatWasConfirmed_IsWrittenToAfterARestartAlone()
    {
        await using var primary = await PostgresServer.StartAsync();
        await using var standby = await primary.StartStandbyAsync();
        await using var cluster = await LocalCluster.StartAsync(silos: 1, gateways: 1, "--connection", ConnectionOf(primary, standby));
        Array.ForEach([.. OfAnOutage, Broken, NoSiloAnswers, SiloAnswersAgain], cluster.Allow);
        await using var connection = await cluster.ConnectAsync(1);
        await using var channel = await connection.CreateChannelAsync(new CreateChannelOptions(publisherConfirmationsEnabled: true, publisherConfirmationTrackingEnabled: true));
        await channel.QueueDeclareAsync("orders", durable: true, exclusive: false, autoDelete: false);
        await PublishAsync(channel, "received");
        await WhenReceivedAsync(primary);
        await standby.StopAsync();
        await PublishAsync(channel, "lost");

        await primary.KillAsync();
        await standby.StartAgainAsync();
        await standby.PromoteAsync();
        var held = PublishAsync(channel, "held");
        await cluster.WhenLoggedAsync("silo-1", Broken);

        Assert.Contains("PostgreSQL has lost what it had confirmed", cluster.LogOf("silo-1").Single(line => line.Event == Broken).Text, StringComparison.Ordinal);
        Assert.False(held.IsCompleted);

        await cluster.SignalAsync("silo-1", "KILL");
        await using var next = JoiningNode.Start("silo", cluster.Connection);
        await held.WaitAsync(TimeSpan.FromSeconds(60));
        foreach (var body in new[] { "received", "held" })
        {
            Assert.Equal(body, Encoding.ASCII.GetString((await channel.BasicGetAsync("orders", autoAck: true))!.Body.Span));
        }

        Assert.Null(await channel.BasicGetAsync("orders", autoAck: true));
    }

    private static Task PublishAsync(IChannel channel, string body) =>
        channel.BasicPublishAsync("", "orders", mandatory: true, new BasicProperties { Persistent = true }, Encoding.ASCII.GetBytes(body)).AsTask();

    private static async Task WhenReceivedAsync(PostgresServer primary)
    {
        await using var database = NpgsqlDataSource.Create(primary.ConnectionString + ";Pooling=false");
        using var limit = new CancellationTokenSource(TimeSpan.FromSeconds(60));
        await using var command = database.CreateCommand("select exists (select from pg_stat_replication where flush_lsn >= pg_current_wal_flush_lsn())");
        while (!(bool)(await command.ExecuteScalarAsync(limit.Token))!)
        {
            await Task.Delay(20, limit.Token);
        }
    }

    private static string ConnectionOf(PostgresServer primary, PostgresServer standby)
    {
        var database = new NpgsqlConnectionStringBuilder(primary.ConnectionString);
        return $"Host=127.0.0.1:{primary.Port},127.0.0.1:{standby.Port};Username={database.Username};Database={database.Database};Target Session Attributes=primary;Host Recheck Seconds=1";
    }

    private static async Task ExecuteAsync(PostgresServer server, params string[] statements)
    {
        await using var database = NpgsqlDataSource.Create(server.ConnectionString + ";Pooling=false");
        foreach (var statement in statements)
        {
            await using var command = database.CreateCommand(statement);
            await command.ExecuteNonQueryAsync();
        }
    }
}
