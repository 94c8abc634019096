using System.Diagnostics;
using Granary.Cluster.Tests.Chaos;
using Npgsql;

namespace Granary.Cluster.Tests;

/// <summary>The silo that publishes what waits in the database goes: another one goes on where it was.</summary>
[Collection(LocalCluster.OneAtATime)]
public sealed class OutboxTests(Xunit.Abstractions.ITestOutputHelper output)
{
    private const int QueueTakenOver = 3004;

    private const int Writers = 3, Before = 200, After = 300;

    // Any number.
    private const int Held = 4711;

    [TransferTests.OfSoak]
    public async Task Silo_KilledInItsTurn_AllThatWasCommittedIsInEachQueueOnceAndInOrder() => await GoesAsync("KILL");

    /// <summary>It loses its turn with its transaction, after 20 s (<c>begin-outbox.sql</c>).</summary>
    [TransferTests.OfSoak]
    public async Task Silo_StoppedInItsTurn_LosesItsTurn_AndAllIsOnceAndInOrder() => await GoesAsync("STOP");

    private async Task GoesAsync(string signal)
    {
        await using var cluster = await LocalCluster.StartAsync(silos: 2, gateways: 1);
        await using var load = new OutboxLoad(cluster, Writers, seed: 1);
        await load.DeclareAsync();
        await load.ExecuteAsync($"create function hold() returns trigger language plpgsql as 'begin perform pg_advisory_xact_lock_shared({Held}); return null; end'");
        await load.ExecuteAsync("create trigger hold before delete on granary.outbox for each statement execute function hold()");
        load.Start();
        await load.WhenWrittenAsync(Before);

        await using (var holder = new NpgsqlConnection(cluster.Connection))
        {
            await holder.OpenAsync();
            await ExecuteAsync(holder, $"select pg_advisory_lock({Held})");
            var silo = cluster.MemberWithPort(await WhoWaitsAsync(holder));
            output.WriteLine($"{silo} has the turn");
            await cluster.SignalAsync(silo, signal);
            await ExecuteAsync(holder, $"select pg_advisory_unlock({Held})");
            var since = Stopwatch.GetTimestamp();
            await load.WhenWrittenAsync(Before + After);
            await load.StopAsync();
            await load.WhenPublishedAsync();
            output.WriteLine($"all is published {Stopwatch.GetElapsedTime(since).TotalSeconds:F1} s after its end");
            if (signal == "STOP")
            {
                cluster.Allow(QueueTakenOver);
                await cluster.SignalAsync(silo, "CONT");
            }
        }

        await load.CheckAsync();
    }

    private static async Task ExecuteAsync(NpgsqlConnection connection, string sql)
    {
        await using var command = new NpgsqlCommand(sql, connection);
        await command.ExecuteNonQueryAsync();
    }

    /// <summary>The port from which the silo is connected that waits in its turn.</summary>
    private static async Task<int> WhoWaitsAsync(NpgsqlConnection connection)
    {
        object? port = null;
        await Clients.UntilAsync(async () =>
        {
            await using var command = new NpgsqlCommand("select client_port from pg_stat_activity join pg_locks using (pid) where locktype = 'advisory' and not granted", connection);
            return (port = await command.ExecuteScalarAsync()) is int;
        });
        return (int)port!;
    }
}
