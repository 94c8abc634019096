using System.Diagnostics;
using System.Net;
using System.Text;
using Granary.V1;
using Grpc.Core;
using RabbitMQ.Client;
using RabbitMQ.Client.Events;
using BasicProperties = RabbitMQ.Client.BasicProperties;

namespace Granary.Cluster.Tests;

/// <summary>A gateway is told to stop.</summary>
[Collection(LocalCluster.OneAtATime)]
public sealed class DrainTests
{
    private const int ToldToStop = 9201, ClosesConnection = 1212;

    private static readonly TimeSpan DrainTime = TimeSpan.FromSeconds(8);

    // By the gateway's own log.
    private static readonly TimeSpan AtOnce = TimeSpan.FromSeconds(2);

    [Fact]
    public async Task Gateway_ToldToStop_ServesUntilItsTimeIsOverThenLeavesNothingBehind()
    {
        await using var cluster = await LocalCluster.StartAsync(silos: 1, gateways: 2, "--with", $"gateway-1=--drain-time {DrainTime.TotalSeconds} --log-level debug");
        await using var other = await cluster.ConnectAsync(2);
        await using var taker = await other.ConfirmedChannelAsync();
        await using var client = await Leaver.StartAsync(cluster);
        using var grpc = cluster.Grpc(1);
        using var consume = new Messaging.MessagingClient(grpc).Consume(Clients.CallOptions);
        await consume.RequestStream.WriteAsync(new ConsumeRequest { Subscribe = new Subscribe { Queue = "held", Credit = 1 } });
        Assert.True(await consume.ResponseStream.MoveNext(CancellationToken.None));

        var since = Stopwatch.GetTimestamp();
        await cluster.SignalAsync("gateway-1", "TERM");
        while (await cluster.ReadinessAsync("gateway-1") != HttpStatusCode.ServiceUnavailable)
        {
            Assert.True(Stopwatch.GetElapsedTime(since) < DrainTime, "ready although it is told to stop");
        }

        Assert.Equal(HttpStatusCode.OK, await cluster.ReadinessAsync("gateway-2"));
        await using (var late = await cluster.ConnectAsync(1))
        {
            await using var channel = await late.ConfirmedChannelAsync();
            await channel.BasicPublishAsync("", "held", mandatory: true, Encoding.ASCII.GetBytes("still served"));
        }

        var closed = await client.ClosedAsync();
        Assert.Equal((320, "CONNECTION_FORCED - broker forced connection closure with reason 'shutdown'"), (closed.ReplyCode, closed.ReplyText));

        // Timers go by a clock of several milliseconds.
        Assert.InRange(Stopwatch.GetElapsedTime(since), DrainTime - TimeSpan.FromMilliseconds(20), TimeSpan.MaxValue);
        await cluster.WhenLoggedAsync("gateway-1", ClosesConnection);
        var told = cluster.LogOf("gateway-1").Where(static line => line.Event is ToldToStop or ClosesConnection).ToArray();
        Assert.Equal([ToldToStop, ClosesConnection], told.Select(static line => line.Event));
        Assert.InRange(told[1].Time - told[0].Time, TimeSpan.Zero, DrainTime + AtOnce);
        var ended = await Assert.ThrowsAsync<RpcException>(async () =>
        {
            while (await consume.ResponseStream.MoveNext(CancellationToken.None))
            {
            }
        });
        Assert.Equal(StatusCode.Unavailable, ended.StatusCode);

        // What its clients had is there for others at once, not when it is declared dead, or has left.
        for (var i = 0; i < Leaver.Held; i++)
        {
            BasicGetResult? got = null;
            await UntilBeforeItsEndAsync(async () => (got = await taker.BasicGetAsync("held", autoAck: true)) is not null, "not requeued");
            Assert.Equal(($"{i}", true), (Encoding.ASCII.GetString(got!.Body.Span), got.Redelivered));
        }

        await UntilBeforeItsEndAsync(() => Clients.IsGoneAsync(other, "own"), "an exclusive queue is there without its client");

        Task UntilBeforeItsEndAsync(Func<Task<bool>> isSo, string otherwise) => Clients.UntilAsync(async () =>
        {
            var isDead = await cluster.StatusAsync("gateway-1") == SiloStatus.Dead;
            var isNow = await isSo();
            Assert.True(isNow || !isDead, otherwise);
            return isNow;
        });
    }

    [Fact]
    public async Task Gateway_ToldToStopTwice_StopsAtOnce()
    {
        await using var cluster = await LocalCluster.StartAsync(silos: 1, gateways: 1, "--with", "gateway-1=--drain-time 60");
        await using var client = await Leaver.StartAsync(cluster);
        await cluster.SignalAsync("gateway-1", "TERM");
        while (await cluster.ReadinessAsync("gateway-1") == HttpStatusCode.OK)
        {
            // Until the first signal has come.
        }

        await cluster.SignalAsync("gateway-1", "TERM");
        Assert.Equal(320, (await client.ClosedAsync()).ReplyCode);
    }

    /// <summary>A client of the first gateway that holds messages, and owns a queue.</summary>
    private sealed class Leaver : IAsyncDisposable
    {
        public const int Held = 10;

        private readonly TaskCompletionSource<ShutdownEventArgs> _closed = new(TaskCreationOptions.RunContinuationsAsynchronously);
        private readonly IConnection _connection;

        private Leaver(IConnection connection)
        {
            _connection = connection;
            connection.ConnectionShutdownAsync += (_, reason) =>
            {
                _closed.TrySetResult(reason);
                return Task.CompletedTask;
            };
        }

        public static async Task<Leaver> StartAsync(LocalCluster cluster)
        {
            var client = new Leaver(await cluster.ConnectAsync(1));
            var channel = await client._connection.ConfirmedChannelAsync();
            await channel.QueueDeclareAsync("held", durable: true, exclusive: false, autoDelete: false);
            await channel.QueueDeclareAsync("own", durable: false, exclusive: true, autoDelete: false);
            for (var i = 0; i < Held; i++)
            {
                await channel.BasicPublishAsync("", "held", mandatory: true, new BasicProperties { Persistent = true }, Encoding.ASCII.GetBytes($"{i}"));
            }

            using var all = new SemaphoreSlim(0);
            var consumer = new AsyncEventingBasicConsumer(channel);
            consumer.ReceivedAsync += (_, _) =>
            {
                all.Release();
                return Task.CompletedTask;
            };
            await channel.BasicQosAsync(0, Held, global: false);
            await channel.BasicConsumeAsync("held", autoAck: false, consumer);
            for (var i = 0; i < Held; i++)
            {
                Assert.True(await all.WaitAsync(Clients.Patience));
            }

            return client;
        }

        public Task<ShutdownEventArgs> ClosedAsync() => _closed.Task.WaitAsync(Clients.Patience);

        public async ValueTask DisposeAsync() => await _connection.DisposeAsync();
    }
}
