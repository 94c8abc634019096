using System.Text;
using Google.Protobuf;
using Granary.Cluster.Tests.Chaos;
using Granary.V1;
using Grpc.Core;
using Npgsql;
using RabbitMQ.Client;
using BasicProperties = RabbitMQ.Client.BasicProperties;

namespace Granary.Cluster.Tests;

/// <summary>A gateway is killed in the middle of a transaction over gRPC: all of it happens, or nothing.</summary>
[Collection(LocalCluster.OneAtATime)]
public sealed class GatewayTransactionTests
{
    // Any number.
    private const int Held = 4712;

    [TransferTests.OfSoak]
    public Task Gateway_KilledBeforeATransactionIsDecided_LeavesNothingOfIt() => IsKilledAsync("prepared %", happens: false);

    [TransferTests.OfSoak]
    public Task Gateway_KilledWhileATransactionIsDecided_LeavesAllOfIt() => IsKilledAsync("transactions", happens: true);

    /// <param name="kind">Of the rows that the database does not take until the gateway is gone.</param>
    /// <param name="happens">The row that decides was already under way.</param>
    private static async Task IsKilledAsync(string kind, bool happens)
    {
        await using var cluster = await LocalCluster.StartAsync(silos: 2, gateways: 2);
        await using var other = await cluster.ConnectAsync(2);
        await using var channel = await other.ConfirmedChannelAsync();
        foreach (var queue in new[] { "from", "to", "to too" })
        {
            await channel.QueueDeclareAsync(queue, durable: true, exclusive: false, autoDelete: false);
        }

        foreach (var body in new[] { "first", "second" })
        {
            await channel.BasicPublishAsync("", "from", mandatory: true, new BasicProperties { Persistent = true }, Encoding.ASCII.GetBytes(body));
        }

        using var grpc = cluster.Grpc(1);
        using var stream = new Messaging.MessagingClient(grpc).Consume(Clients.CallOptions);
        await stream.RequestStream.WriteAsync(new ConsumeRequest { Subscribe = new Subscribe { Queue = "from", Credit = 2 } });
        for (var came = 0; came < 2;)
        {
            Assert.True(await stream.ResponseStream.MoveNext(CancellationToken.None).WaitAsync(Clients.Patience));
            came += stream.ResponseStream.Current.Deliveries.Count;
        }

        await using var database = NpgsqlDataSource.Create(cluster.Connection);
        await using var holder = await database.OpenConnectionAsync();
        await ExecuteAsync(holder, $"select pg_advisory_lock({Held})");
        await ExecuteAsync(holder, $"create function hold() returns trigger language plpgsql as 'begin perform pg_advisory_xact_lock_shared({Held}); return new; end'");
        await ExecuteAsync(holder, $"create trigger hold before insert on granary.rows for each row when (new.kind like '{kind}') execute function hold()");

        await stream.RequestStream.WriteAsync(new ConsumeRequest { Transaction = new Transaction { Id = 1, Acks = { 1 }, Messages = { MessageTo("to"), MessageTo("to too") } } });
        await Clients.UntilAsync(async () =>
        {
            await using var command = new NpgsqlCommand("select count(*) from pg_locks where locktype = 'advisory' and not granted", holder);
            return (long)(await command.ExecuteScalarAsync())! > 0;
        });
        await cluster.SignalAsync("gateway-1", "KILL");
        Assert.Equal((0u, 0u), (await CountAsync(channel, "to"), await CountAsync(channel, "to too")));
        await ExecuteAsync(holder, $"select pg_advisory_unlock({Held})");
        await Assert.ThrowsAsync<RpcException>(() => stream.ResponseStream.MoveNext(CancellationToken.None).WaitAsync(Clients.Patience));

        // What the transaction settles comes back when it is known that nothing comes of it: that may be later than what it does not.
        string[] left = happens ? ["second"] : ["first", "second"];
        List<string> got = [];
        await Clients.UntilAsync(async () =>
        {
            if (await channel.BasicGetAsync("from", autoAck: true) is { } message)
            {
                Assert.True(message.Redelivered);
                got.Add(Encoding.ASCII.GetString(message.Body.Span));
            }

            return got.Count == left.Length;
        });
        Assert.Equal(left, got.Order(StringComparer.Ordinal));

        // Both are there, or neither, once nothing is in doubt.
        await Clients.UntilAsync(async () =>
        {
            await using var command = database.CreateCommand("select count(*) from granary.rows where kind like 'prepared %'");
            return (long)(await command.ExecuteScalarAsync())! == 0;
        });
        var each = happens ? 1u : 0;
        Assert.Equal((0u, each, each), (await CountAsync(channel, "from"), await CountAsync(channel, "to"), await CountAsync(channel, "to too")));
    }

    private static V1.Message MessageTo(string queue) => new() { RoutingKey = queue, Body = ByteString.CopyFromUtf8("moved"), Mandatory = true };

    private static async Task<uint> CountAsync(IChannel channel, string queue) => (await channel.QueueDeclarePassiveAsync(queue)).MessageCount;

    private static async Task ExecuteAsync(NpgsqlConnection connection, string sql)
    {
        await using var command = new NpgsqlCommand(sql, connection);
        await command.ExecuteNonQueryAsync();
    }
}
