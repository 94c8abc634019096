using System.Globalization;
using System.Text;
using Granary.Testing.Brokers;
using RabbitMQ.Client;
using RabbitMQ.Client.Events;

namespace Granary.RabbitMqClient7.Tests.Tutorials;

/// <summary>What RabbitMQ's six tutorials do, by RabbitMQ.Client 7.</summary>
[WatchedBroker]
public sealed class TutorialTests(SharedBroker shared) : IClassFixture<SharedBroker>
{
    private static readonly CreateChannelOptions Confirming = new(publisherConfirmationsEnabled: true, publisherConfirmationTrackingEnabled: true);

    private readonly string _name = $"client7.{Guid.NewGuid():N}";

    [Fact]
    public async Task Hello_OneMessage_ArrivesThroughTheDefaultExchange()
    {
        await using var connection = await shared.ConnectAsync();
        await using var channel = await connection.CreateChannelAsync();
        await channel.QueueDeclareAsync(_name, durable: false, exclusive: false, autoDelete: false);
        await channel.SendAsync("", _name, "Hello World!");
        var inbox = await Inbox.ConsumeAsync(channel, _name, autoAck: true);
        Assert.Equal("Hello World!", (await inbox.TakeAsync()).Body);
        Assert.Equal(0u, await channel.QueueDeleteAsync(_name));
    }

    [Fact]
    public async Task WorkQueue_WorkerDiesWithATask_TheOtherGetsIt()
    {
        await using var producer = await shared.ConnectAsync();
        await using var channel = await producer.CreateChannelAsync(Confirming);
        await channel.QueueDeclareAsync(_name, durable: true, exclusive: false, autoDelete: false);

        var dying = await shared.ConnectAsync();
        var stalled = await WorkerAsync(dying);
        string[] tasks = [.. Enumerable.Range(0, 6).Select(i => $"task {i}")];
        foreach (var task in tasks)
        {
            await channel.SendAsync("", _name, task, new BasicProperties { Persistent = true }, mandatory: true);
        }

        Assert.Equal(tasks[0], (await stalled.TakeAsync()).Body);
        await using var living = await shared.ConnectAsync();
        var worker = await WorkerAsync(living);
        Assert.Equal(tasks[1..], await WorkAsync(worker, 5));

        await dying.AbortAsync();
        var again = await worker.TakeAsync();
        Assert.Equal((tasks[0], true), (again.Body, again.Redelivered));
        await worker.Channel.BasicAckAsync(again.Tag, multiple: false);
        await channel.QueueDeleteAsync(_name);
        await dying.DisposeAsync();
    }

    [Fact]
    public async Task FanoutLogs_TwoListeners_BothGetEveryLine()
    {
        await using var connection = await shared.ConnectAsync();
        await using var channel = await connection.CreateChannelAsync();
        await channel.ExchangeDeclareAsync(_name, ExchangeType.Fanout, autoDelete: true);
        await channel.SendAsync(_name, "", "lost: nobody listens");
        var first = await ListenerAsync(connection, "");
        var second = await ListenerAsync(connection, "");
        string[] lines = [.. Enumerable.Range(0, 10).Select(i => $"line {i}")];
        foreach (var line in lines)
        {
            await channel.SendAsync(_name, "ignored", line);
        }

        Assert.Equal(lines, await first.BodiesAsync(lines.Length));
        Assert.Equal(lines, await second.BodiesAsync(lines.Length));
    }

    [Fact]
    public async Task DirectLogs_SeveritiesBound_ComeOnceEach()
    {
        await using var connection = await shared.ConnectAsync();
        await using var channel = await connection.CreateChannelAsync();
        await channel.ExchangeDeclareAsync(_name, ExchangeType.Direct, autoDelete: true);
        var errors = await ListenerAsync(connection, "error");
        var all = await ListenerAsync(connection, "info", "warning", "error");
        await SendKeysAsync(channel, "info", "debug", "warning", "error", "end");
        Assert.Equal(["error"], await errors.BodiesAsync(1));
        Assert.Equal(["info", "warning", "error"], await all.BodiesAsync(3));
    }

    [Fact]
    public async Task TopicLogs_Patterns_SelectTheirKeys()
    {
        await using var connection = await shared.ConnectAsync();
        await using var channel = await connection.CreateChannelAsync();
        await channel.ExchangeDeclareAsync(_name, ExchangeType.Topic, autoDelete: true);
        var all = await ListenerAsync(connection, "#");
        var info = await ListenerAsync(connection, "*.info", "end");
        var lazy = await ListenerAsync(connection, "lazy.*", "end");
        string[] keys = ["kern.info", "info", "lazy.fox", "lazy.orange.fox", "lazy", "a.b.info", "end"];
        await SendKeysAsync(channel, keys);
        Assert.Equal(keys, await all.BodiesAsync(keys.Length));
        Assert.Equal(["kern.info", "end"], await info.BodiesAsync(2));
        Assert.Equal(["lazy.fox", "end"], await lazy.BodiesAsync(2));
    }

    [Theory]
    [InlineData(null)]
    [InlineData("amq.rabbitmq.reply-to")]
    public async Task Rpc_Fibonacci_AnswersByReplyToAndCorrelationId(string? fastReply)
    {
        await using var serverConnection = await shared.ConnectAsync();
        await using var server = await serverConnection.CreateChannelAsync();
        var requests = await ServeFibonacciAsync(server);

        await using var clientConnection = await shared.ConnectAsync();
        await using var client = await clientConnection.CreateChannelAsync();
        var replyTo = fastReply ?? await client.OwnQueueAsync();
        var answers = await Inbox.ConsumeAsync(client, replyTo, autoAck: true);
        foreach (var (n, expected) in new[] { (0, "0"), (1, "1"), (30, "832040"), (90, "2880067194370816120") })
        {
            await client.SendAsync(
                "", requests, n.ToString(CultureInfo.InvariantCulture), new BasicProperties { ReplyTo = replyTo, CorrelationId = $"fib {n}" });
            Assert.Equal($"fib {n} = {expected}", (await answers.TakeAsync()).Body);
        }
    }

    private static string Fibonacci(int n)
    {
        var (a, b) = (0L, 1L);
        for (var i = 0; i < n; i++)
        {
            (a, b) = (b, a + b);
        }

        return a.ToString(CultureInfo.InvariantCulture);
    }

    private static async Task<string[]> WorkAsync(Inbox worker, int count)
    {
        var done = new string[count];
        for (var i = 0; i < count; i++)
        {
            var task = await worker.TakeAsync();
            done[i] = task.Body;
            await worker.Channel.BasicAckAsync(task.Tag, multiple: false);
        }

        return done;
    }

    private async Task<string> ServeFibonacciAsync(IChannel server)
    {
        await server.QueueDeclareAsync(_name, durable: false, exclusive: true, autoDelete: false);
        await server.BasicQosAsync(0, 1, global: false);
        var consumer = new AsyncEventingBasicConsumer(server);
        consumer.ReceivedAsync += async (_, e) =>
        {
            var n = int.Parse(Encoding.UTF8.GetString(e.Body.Span), CultureInfo.InvariantCulture);
            await server.SendAsync("", e.BasicProperties.ReplyTo!, $"{e.BasicProperties.CorrelationId} = {Fibonacci(n)}");
            await server.BasicAckAsync(e.DeliveryTag, multiple: false);
        };
        await server.BasicConsumeAsync(_name, autoAck: false, consumer);
        return _name;
    }

    private async Task<Inbox> WorkerAsync(IConnection connection)
    {
        var channel = await connection.CreateChannelAsync();
        await channel.BasicQosAsync(0, 1, global: false);
        return await Inbox.ConsumeAsync(channel, _name);
    }

    private async Task<Inbox> ListenerAsync(IConnection connection, params string[] keys)
    {
        var channel = await connection.CreateChannelAsync();
        var queue = await channel.OwnQueueAsync();
        foreach (var key in keys)
        {
            await channel.QueueBindAsync(queue, _name, key);
        }

        return await Inbox.ConsumeAsync(channel, queue, autoAck: true);
    }

    private async Task SendKeysAsync(IChannel channel, params string[] keys)
    {
        foreach (var key in keys)
        {
            await channel.SendAsync(_name, key, key);
        }
    }
}
