using System.Globalization;
using System.Text;
using Granary.Testing.Brokers;
using RabbitMQ.Client;
using RabbitMQ.Client.Events;

namespace Granary.RabbitMqClient6.Tests;

/// <summary>What RabbitMQ's six tutorials do, by RabbitMQ.Client 6.</summary>
[WatchedBroker]
public sealed class TutorialTests(SharedBroker shared) : IClassFixture<SharedBroker>
{
    private static readonly TimeSpan ConfirmLimit = TimeSpan.FromSeconds(20);

    private readonly string _name = $"client6.{Guid.NewGuid():N}";

    [Fact]
    public void Hello_OneMessage_ArrivesThroughTheDefaultExchange()
    {
        using var connection = shared.Connect();
        using var channel = connection.CreateModel();
        channel.QueueDeclare(_name, durable: false, exclusive: false, autoDelete: false, arguments: null);
        Send(channel, "", _name, "Hello World!");
        Assert.Equal("Hello World!", new Inbox(channel, _name, autoAck: true).Take().Body);
        Assert.Equal(0u, channel.QueueDelete(_name));
    }

    [Fact]
    public void WorkQueue_WorkerDiesWithATask_TheOtherGetsIt()
    {
        using var producer = shared.Connect();
        using var channel = producer.CreateModel();
        channel.ConfirmSelect();
        channel.QueueDeclare(_name, durable: true, exclusive: false, autoDelete: false, arguments: null);
        using var dying = shared.Connect();
        var stalled = Worker(dying);
        string[] tasks = [.. Enumerable.Range(0, 6).Select(i => $"task {i}")];
        foreach (var task in tasks)
        {
            var properties = channel.CreateBasicProperties();
            properties.Persistent = true;
            Send(channel, "", _name, task, properties);
        }

        channel.WaitForConfirmsOrDie(ConfirmLimit);
        Assert.Equal(tasks[0], stalled.Take().Body);
        using var living = shared.Connect();
        var worker = Worker(living);
        foreach (var task in tasks[1..])
        {
            var delivery = worker.Take();
            Assert.Equal(task, delivery.Body);
            worker.Channel.BasicAck(delivery.Tag, multiple: false);
        }

        dying.Abort();
        var again = worker.Take();
        Assert.Equal((tasks[0], true), (again.Body, again.Redelivered));
        worker.Channel.BasicAck(again.Tag, multiple: false);
        channel.QueueDelete(_name);
    }

    [Fact]
    public void FanoutLogs_TwoListeners_BothGetEveryLine()
    {
        using var connection = shared.Connect();
        using var channel = connection.CreateModel();
        channel.ExchangeDeclare(_name, ExchangeType.Fanout, durable: false, autoDelete: true, arguments: null);
        Send(channel, _name, "", "lost: nobody listens");
        var first = Listener(connection, "");
        var second = Listener(connection, "");
        string[] lines = [.. Enumerable.Range(0, 10).Select(i => $"line {i}")];
        foreach (var line in lines)
        {
            Send(channel, _name, "ignored", line);
        }

        Assert.Equal(lines, first.Bodies(lines.Length));
        Assert.Equal(lines, second.Bodies(lines.Length));
    }

    [Fact]
    public void DirectLogs_SeveritiesBound_ComeOnceEach()
    {
        using var connection = shared.Connect();
        using var channel = connection.CreateModel();
        channel.ExchangeDeclare(_name, ExchangeType.Direct, durable: false, autoDelete: true, arguments: null);
        var errors = Listener(connection, "error");
        var all = Listener(connection, "info", "warning", "error");
        SendKeys(channel, "info", "debug", "warning", "error");
        Assert.Equal(["error"], errors.Bodies(1));
        Assert.Equal(["info", "warning", "error"], all.Bodies(3));
    }

    [Fact]
    public void TopicLogs_Patterns_SelectTheirKeys()
    {
        using var connection = shared.Connect();
        using var channel = connection.CreateModel();
        channel.ExchangeDeclare(_name, ExchangeType.Topic, durable: false, autoDelete: true, arguments: null);
        var all = Listener(connection, "#");
        var info = Listener(connection, "*.info", "end");
        var lazy = Listener(connection, "lazy.*", "end");
        string[] keys = ["kern.info", "info", "lazy.fox", "lazy.orange.fox", "lazy", "a.b.info", "end"];
        SendKeys(channel, keys);
        Assert.Equal(keys, all.Bodies(keys.Length));
        Assert.Equal(["kern.info", "end"], info.Bodies(2));
        Assert.Equal(["lazy.fox", "end"], lazy.Bodies(2));
    }

    [Theory]
    [InlineData(null)]
    [InlineData("amq.rabbitmq.reply-to")]
    public void Rpc_Fibonacci_AnswersByReplyToAndCorrelationId(string? fastReply)
    {
        using var serverConnection = shared.Connect();
        using var server = serverConnection.CreateModel();
        ServeFibonacci(server);
        using var clientConnection = shared.Connect();
        using var client = clientConnection.CreateModel();
        var replyTo = fastReply ?? client.QueueDeclare().QueueName;
        var answers = new Inbox(client, replyTo, autoAck: true);
        foreach (var (n, expected) in new[] { (0, "0"), (1, "1"), (30, "832040"), (90, "2880067194370816120") })
        {
            var properties = client.CreateBasicProperties();
            properties.ReplyTo = replyTo;
            properties.CorrelationId = $"fib {n}";
            Send(client, "", _name, n.ToString(CultureInfo.InvariantCulture), properties);
            Assert.Equal($"fib {n} = {expected}", answers.Take().Body);
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

    private static void Send(IModel channel, string exchange, string key, string body, IBasicProperties? properties = null) =>
        channel.BasicPublish(exchange, key, properties, Encoding.UTF8.GetBytes(body));

    private void ServeFibonacci(IModel server)
    {
        server.QueueDeclare(_name, durable: false, exclusive: true, autoDelete: false, arguments: null);
        server.BasicQos(0, 1, global: false);
        var consumer = new EventingBasicConsumer(server);
        consumer.Received += (_, e) =>
        {
            var n = int.Parse(Encoding.UTF8.GetString(e.Body.Span), CultureInfo.InvariantCulture);
            Send(server, "", e.BasicProperties.ReplyTo, $"{e.BasicProperties.CorrelationId} = {Fibonacci(n)}");
            server.BasicAck(e.DeliveryTag, multiple: false);
        };
        server.BasicConsume(_name, autoAck: false, consumer);
    }

    private Inbox Worker(IConnection connection)
    {
        var channel = connection.CreateModel();
        channel.BasicQos(0, 1, global: false);
        return new Inbox(channel, _name, autoAck: false);
    }

    private Inbox Listener(IConnection connection, params string[] keys)
    {
        var channel = connection.CreateModel();
        var queue = channel.QueueDeclare().QueueName;
        foreach (var key in keys)
        {
            channel.QueueBind(queue, _name, key);
        }

        return new Inbox(channel, queue, autoAck: true);
    }

    private void SendKeys(IModel channel, params string[] keys)
    {
        foreach (var key in keys)
        {
            Send(channel, _name, key, key);
        }
    }
}
