using Npgsql;

namespace Granary.Cluster.Tests;

/// <summary>What docs/operations.md says of connections to PostgreSQL holds under load, and when a silo's queues are all taken over at once.</summary>
[Collection(LocalCluster.OneAtATime)]
public sealed class ConnectionBudgetTests(Xunit.Abstractions.ITestOutputHelper output)
{
    private const int StoreOfSilo = 14, Membership = 2;

    [Fact]
    public async Task Members_UnderLoad_KeepToTheirConnections()
    {
        await using var cluster = await LocalCluster.StartAsync(silos: 2, gateways: 1);
        await using var database = NpgsqlDataSource.Create(cluster.Connection + ";Application Name=the test;Maximum Pool Size=1");
        using var stop = new CancellationTokenSource();
        var counting = CountAsync(database, stop.Token);

        await using var load = await ClusterLoad.StartAsync(cluster.AmqpPort(1), cluster.AmqpPort(1), queues: 300);
        await load.PublishForAsync(TimeSpan.FromSeconds(3));
        await cluster.SignalAsync("silo-2", "KILL");
        await load.PublishForAsync(TimeSpan.FromSeconds(5));
        await load.CheckAsync();

        await stop.CancelAsync();
        var (store, membership, of) = await counting;
        output.WriteLine($"at the most: {store} of the stores of two silos, {membership} of the membership of three processes");
        Assert.InRange(store, 2, 2 * StoreOfSilo);
        Assert.InRange(membership, 1, 3 * Membership);
        Assert.Equal(["granary", "granary membership"], of);
    }

    private static async Task<(long Store, long Membership, string[] Names)> CountAsync(NpgsqlDataSource database, CancellationToken stop)
    {
        var (store, membership) = (0L, 0L);
        SortedSet<string> names = [];
        while (!stop.IsCancellationRequested)
        {
            // One that is only just starting has not taken its name yet, nor a state.
            await using var command = database.CreateCommand(
                "select application_name, count(*) from pg_stat_activity where backend_type = 'client backend' and pid <> pg_backend_pid() "
                + "and not (application_name = '' and state is null) group by 1");
            await using var rows = await command.ExecuteReaderAsync(CancellationToken.None);
            while (await rows.ReadAsync(CancellationToken.None))
            {
                var (name, count) = (rows.GetString(0), rows.GetInt64(1));
                names.Add(name);
                (store, membership) = (name == "granary" ? Math.Max(store, count) : store, name == "granary membership" ? Math.Max(membership, count) : membership);
            }
        }

        return (store, membership, [.. names]);
    }
}
