using System.Globalization;
using System.Text;
using RabbitMQ.Client;
using RabbitMQ.Client.Events;
using RabbitMQ.Client.Exceptions;

namespace Granary.Cluster.Tests;

/// <summary>A gateway goes: what queues on silos have in memory stays.</summary>
[Collection(LocalCluster.OneAtATime)]
public sealed class GatewayLossTests
{
    private const int MessagesOfEach = 2;

    // What the silos say, if asked to tell of everything, of a queue that has begun anew.
    private const int CameBackEmpty = 3011, TakenOver = 3015;

    // soak.sh takes more.
    private static readonly int Queues = int.TryParse(Environment.GetEnvironmentVariable("GRANARY_TEST_GATEWAY_QUEUES"), CultureInfo.InvariantCulture, out var told) ? told : 300;

    private static readonly Dictionary<string, string> TellsEverything = new() { ["Logging__LogLevel__Granary"] = "Debug" };

    [Theory]
    [InlineData("KILL")]
    [InlineData("TERM")]
    [InlineData("STOP")]
    public async Task Gateway_Goes_LeavesTransientMessagesWhereTheyAre(string signal)
    {
        await using var cluster = await LocalCluster.StartAsync(silos: 2, gateways: 2, TellsEverything);
        await using (var connection = await cluster.ConnectAsync(1))
        {
            await using var channel = await connection.ConfirmedChannelAsync();
            for (var i = 0; i < Queues; i++)
            {
                await channel.QueueDeclareAsync(Name(i), durable: false, exclusive: false, autoDelete: false);
                for (var k = 0; k < MessagesOfEach; k++)
                {
                    await channel.BasicPublishAsync("", Name(i), mandatory: true, Encoding.ASCII.GetBytes($"{i}"));
                }
            }
        }

        await cluster.SignalAsync("gateway-1", signal);

        await using var other = await cluster.ConnectAsync(2);
        await using var taker = await other.CreateChannelAsync();

        // Before the others have declared it dead, and after.
        for (var round = 0; round < 2; round++)
        {
            for (var i = 0; i < Queues; i++)
            {
                var described = await taker.QueueDeclarePassiveAsync(Name(i));
                Assert.Equal((uint)(MessagesOfEach - round), described.MessageCount);
                Assert.NotNull(await taker.BasicGetAsync(Name(i), autoAck: true));
            }

            await cluster.WhenDeclaredDeadAsync("gateway-1");
        }

        foreach (var silo in new[] { "silo-1", "silo-2" })
        {
            Assert.DoesNotContain(cluster.LogOf(silo), line => line.Event is CameBackEmpty or TakenOver);
        }

        // They would have said so: of queues that do begin anew they do.
        await cluster.SignalAsync("silo-1", "TERM");
        for (var i = 0; i < Queues; i++)
        {
            await taker.QueueDeclarePassiveAsync(Name(i));
        }

        await cluster.WhenLoggedAsync("silo-2", TakenOver);
    }

    [Theory]
    [InlineData("KILL")]
    [InlineData("STOP")]
    public async Task Gateway_Goes_ItsConsumersGoAndWhatTheyHeldIsGivenToOthers(string signal)
    {
        await using var cluster = await LocalCluster.StartAsync(silos: 2, gateways: 2);
        await using var lost = new LostConnection(cluster, await cluster.ConnectAsync(1));
        var holder = await lost.Connection.ConfirmedChannelAsync();
        await holder.QueueDeclareAsync("held", durable: true, exclusive: false, autoDelete: false);
        await holder.QueueDeclareAsync("own", durable: false, exclusive: true, autoDelete: false);
        await holder.QueueDeclareAsync("passing", durable: false, exclusive: false, autoDelete: true);
        for (var i = 0; i < 10; i++)
        {
            await holder.BasicPublishAsync("", "held", mandatory: true, new BasicProperties { Persistent = true }, Encoding.ASCII.GetBytes($"{i}"));
        }

        var allHeld = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        var count = 0;
        var consumer = new AsyncEventingBasicConsumer(holder);
        consumer.ReceivedAsync += (_, _) =>
        {
            if (Interlocked.Increment(ref count) == 10)
            {
                allHeld.SetResult();
            }

            return Task.CompletedTask;
        };
        await holder.BasicConsumeAsync("held", autoAck: false, consumer);
        await holder.BasicConsumeAsync("passing", autoAck: false, new AsyncEventingBasicConsumer(holder));
        await allHeld.Task.WaitAsync(TimeSpan.FromSeconds(30));

        await cluster.SignalAsync("gateway-1", signal);
        await cluster.WhenDeclaredDeadAsync("gateway-1");

        await using var other = await cluster.ConnectAsync(2);
        await using var taker = await other.CreateChannelAsync();
        using var limit = new CancellationTokenSource(TimeSpan.FromSeconds(30));
        for (var i = 0; i < 10; i++)
        {
            BasicGetResult? got;
            while ((got = await taker.BasicGetAsync("held", autoAck: true, limit.Token)) is null)
            {
                await Task.Delay(50, limit.Token);
            }

            Assert.Equal($"{i}", Encoding.ASCII.GetString(got.Body.Span));
            Assert.True(got.Redelivered);
        }

        // They may be on another silo, which learns of the loss by itself.
        foreach (var gone in new[] { "own", "passing" })
        {
            await Clients.UntilAsync(() => Clients.IsGoneAsync(other, gone));
        }
    }

    [Fact]
    public async Task Reply_ToAClientOfAGatewayThatHangs_IsReturnedOnceTheGatewayIsDeclaredDead()
    {
        await using var cluster = await LocalCluster.StartAsync(silos: 1, gateways: 2);
        await using var lost = new LostConnection(cluster, await cluster.ConnectAsync(1));
        var requester = await lost.Connection.CreateChannelAsync();
        await requester.QueueDeclareAsync("requests", durable: true, exclusive: false, autoDelete: false);
        await requester.BasicConsumeAsync("amq.rabbitmq.reply-to", autoAck: true, new AsyncEventingBasicConsumer(requester));
        await requester.BasicPublishAsync(
            "", "requests", mandatory: false, new BasicProperties { ReplyTo = "amq.rabbitmq.reply-to" }, Encoding.ASCII.GetBytes("who"));
        await using var other = await cluster.ConnectAsync(2);
        await using var replier = await other.ConfirmedChannelAsync();
        BasicGetResult? request;
        using var limit = new CancellationTokenSource(Clients.Patience);
        while ((request = await replier.BasicGetAsync("requests", autoAck: true, limit.Token)) is null)
        {
            await Task.Delay(50, limit.Token);
        }

        await cluster.SignalAsync("gateway-1", "STOP");
        var replied = replier.BasicPublishAsync("", request.BasicProperties.ReplyTo!, mandatory: true, Encoding.ASCII.GetBytes("too late")).AsTask();

        // The replier serves others meanwhile.
        await using var serving = await other.ConfirmedChannelAsync();
        await serving.BasicPublishAsync("", "requests", mandatory: true, Encoding.ASCII.GetBytes("of another"));
        Assert.True(!replied.IsCompleted || await cluster.StatusAsync("gateway-1") == SiloStatus.Dead, "nobody can know yet");

        Assert.Equal(312, (await Assert.ThrowsAsync<PublishReturnException>(() => replied.WaitAsync(Clients.Patience))).ReplyCode);
        await cluster.WhenDeclaredDeadAsync("gateway-1");
    }

    private static string Name(int number) => string.Create(CultureInfo.InvariantCulture, $"kept.{number}");

    /// <summary>A connection to the first gateway, which answers no more in the end: a client that closes it in good order would wait for that gateway.</summary>
    private sealed class LostConnection(LocalCluster cluster, IConnection connection) : IAsyncDisposable
    {
        public IConnection Connection => connection;

        public async ValueTask DisposeAsync()
        {
            await cluster.EndAsync("gateway-1");
            await connection.DisposeAsync();
        }
    }
}
