using System.Collections.Concurrent;
using System.Globalization;
using System.Net;
using System.Text;
using Granary.V1;
using Grpc.Core;
using RabbitMQ.Client;
using RabbitMQ.Client.Events;
using BasicProperties = RabbitMQ.Client.BasicProperties;

namespace Granary.Cluster.Tests;

/// <summary>A gateway that reaches nobody for a while, and goes on.</summary>
[Collection(LocalCluster.OneAtATime)]
public sealed class CutOffGatewayTests
{
    private const int EndsAsDead = 3521, NoSiloAnswers = 3511, SiloAnswersAgain = 3512;

    [Fact]
    public async Task Gateway_DeclaredDeadWhileItWasStopped_DeliversAndRoutesNothingAndClosesItsClients()
    {
        const int Messages = 20;
        await using var cluster = await LocalCluster.StartAsync(silos: 2, gateways: 2);
        cluster.Allow(EndsAsDead);
        cluster.Allow(NoSiloAnswers);
        await using var stopped = await cluster.ConnectAsync(1);
        var closed = new TaskCompletionSource<ShutdownEventArgs>(TaskCreationOptions.RunContinuationsAsynchronously);
        stopped.ConnectionShutdownAsync += (_, reason) =>
        {
            closed.TrySetResult(reason);
            return Task.CompletedTask;
        };
        var consuming = await stopped.CreateChannelAsync();
        await consuming.QueueDeclareAsync("given", durable: true, exclusive: false, autoDelete: false);
        await consuming.QueueDeclareAsync("late", durable: true, exclusive: false, autoDelete: false);
        var delivered = new ConcurrentQueue<string>();
        var consumer = new AsyncEventingBasicConsumer(consuming);
        consumer.ReceivedAsync += (_, delivery) =>
        {
            delivered.Enqueue(Encoding.ASCII.GetString(delivery.Body.Span));
            return Task.CompletedTask;
        };
        await consuming.BasicConsumeAsync("given", autoAck: false, consumer);
        using var grpc = cluster.Grpc(1);
        using var stream = new Messaging.MessagingClient(grpc).Consume(Clients.CallOptions);
        await stream.RequestStream.WriteAsync(new ConsumeRequest { Subscribe = new Subscribe { Queue = "late", Credit = 1 } });
        Assert.True(await stream.ResponseStream.MoveNext(CancellationToken.None));

        await cluster.SignalAsync("gateway-1", "STOP");

        // They are on their way to the consumer, and get no further than to the gateway's sockets.
        await using var other = await cluster.ConnectAsync(2);
        await using var channel = await other.ConfirmedChannelAsync();
        for (var i = 0; i < Messages; i++)
        {
            await channel.BasicPublishAsync("", "given", mandatory: true, new BasicProperties { Persistent = true }, Encoding.ASCII.GetBytes($"{i}"));
        }

        var published = consuming.BasicPublishAsync("", "late", mandatory: false, Encoding.ASCII.GetBytes("of a gateway that is dead"));
        await cluster.WhenDeclaredDeadAsync("gateway-1");
        using var limit = new CancellationTokenSource(Clients.Patience);
        for (var i = 0; i < Messages; i++)
        {
            BasicGetResult? got;
            while ((got = await channel.BasicGetAsync("given", autoAck: true, limit.Token)) is null)
            {
                await Task.Delay(20, limit.Token);
            }

            Assert.Equal(i.ToString(CultureInfo.InvariantCulture), Encoding.ASCII.GetString(got.Body.Span));
        }

        await cluster.SignalAsync("gateway-1", "CONT");

        Assert.Equal(320, (await closed.Task.WaitAsync(Clients.Patience)).ReplyCode);
        Assert.Empty(delivered);
        var ended = await Assert.ThrowsAsync<RpcException>(() => stream.ResponseStream.MoveNext(CancellationToken.None));
        Assert.Equal(StatusCode.Unavailable, ended.StatusCode);
        await cluster.WhenEndedAsync("gateway-1");
        await cluster.WhenLoggedAsync("gateway-1", EndsAsDead);
        Assert.Null(await channel.BasicGetAsync("late", autoAck: true));
        await published;
    }

    [Fact]
    public async Task Gateway_WithoutAnySilo_KeepsItsClientsUntilThereIsOne()
    {
        await using var cluster = await LocalCluster.StartAsync(silos: 1, gateways: 1);
        cluster.Allow(NoSiloAnswers);
        cluster.Allow(SiloAnswersAgain);
        await using var connection = await cluster.ConnectAsync(1);
        await using var channel = await connection.ConfirmedChannelAsync();
        await channel.QueueDeclareAsync("known", durable: true, exclusive: false, autoDelete: false);
        await channel.QueueDeclareAsync("never used", durable: true, exclusive: false, autoDelete: false);
        await cluster.SignalAsync("silo-1", "KILL");
        await cluster.WhenDeclaredDeadAsync("silo-1");
        var published = new[] { "known", "never used" }
            .Select(queue => channel.BasicPublishAsync("", queue, mandatory: true, Encoding.ASCII.GetBytes("waits")).AsTask()).ToArray();

        await cluster.WhenLoggedAsync("gateway-1", NoSiloAnswers);
        Assert.Equal(HttpStatusCode.ServiceUnavailable, await cluster.ReadinessAsync("gateway-1"));
        await using var next = JoiningNode.Start("silo", cluster.Connection);
        await cluster.WhenLoggedAsync("gateway-1", SiloAnswersAgain);
        await Clients.UntilAsync(async () => await cluster.ReadinessAsync("gateway-1") == HttpStatusCode.OK);
        await Task.WhenAll(published).WaitAsync(Clients.Patience);
        Assert.True(connection.IsOpen);
    }
}
