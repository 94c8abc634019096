using System.Globalization;
using Granary.Crash.Brokers;
using Granary.Crash.Load;
using Granary.Testing.Logs;
using Granary.Testing.Processes;
using RabbitMQ.Client;
using RabbitMQ.Client.Events;
using RabbitMQ.Client.Exceptions;

namespace Granary.Crash;

/// <summary>The whole log of a node, as an operator sees it on the console.</summary>
public sealed class NodeLogTests
{
    private const int StoreOpened = 3310, StoreReport = 3306, ChannelClosed = 1206, ConnectionClosed = 1205;

    // Orleans' events that say that the machine is busy, here with other tests (RuntimeLines has them one by one). What a quiet node would log at each start is not among them.
    private static readonly int[] Busy = [100150, 101215, 86528487, 1961930485, 790741219, 100615];

    private static readonly TimeSpan Limit = TimeSpan.FromSeconds(60);

    [Fact]
    public async Task Node_StartedUsedAndStopped_LogsWhatItsClientsDidWrongAndItsStores()
    {
        await using var home = await Home.CreateAsync(StoreKind.Files);
        await using var node = await home.StartReadyAsync();
        node.Watched.Expect(ConnectionClosed);
        await using (var left = await Client.ConnectAsync(node.AmqpPort))
        {
            await UseAsync(left);
        }

        await using (var wrong = await Client.ConnectAsync(node.AmqpPort))
        {
            await AskForWhatIsNotThereAsync(wrong);
            await AskForWhatNobodyHasAsync(wrong);
        }

        // This one is there still when the node stops.
        await using var stays = await Client.ConnectAsync(node.AmqpPort);
        await using var channel = await stays.CreateChannelAsync();
        await RejectOneAsync(channel);
        Assert.Equal(0, await node.TerminateAsync());

        var lines = node.Log.Split('\n', StringSplitOptions.RemoveEmptyEntries).Select(LogLine.Parse).Where(line => !Busy.Contains(line.Event) && line.Event != StoreReport).ToArray();
        Assert.All(lines, line => Assert.StartsWith("Granary.", line.Category, StringComparison.Ordinal));
        Assert.True(
            lines.Select(line => line.Event).SequenceEqual([StoreOpened, StoreOpened, ChannelClosed, ConnectionClosed]), $"it logged:\n{string.Join('\n', lines.AsEnumerable())}");
    }

    /// <summary>Whoever was started before the listeners would have something to say, too: the silo, and the host.</summary>
    [Fact]
    public async Task Start_OnAPortThatIsTaken_SaysInOneSentenceWhichOptionChoosesAnother()
    {
        await using var home = await Home.CreateAsync(StoreKind.Files);
        await using var first = await home.StartReadyAsync();
        var port = first.AmqpPort.ToString(CultureInfo.InvariantCulture);
        var folder = Path.Combine(home.Folder, "second");
        string[] arguments =
        [
            Path.Combine(RepositoryPath.OutputOf("node"), "Granary.Node.dll"), "--bind", "127.0.0.1", "--amqp-port", port, "--grpc-port", "0", "--http-port", "0", "--metrics-port", "0", "--data", folder,
        ];
        await using var second = ChildProcess.Start("dotnet", arguments);

        Assert.Equal(1, await second.WaitForExitAsync(Limit));
        Assert.Equal($"Port {port} on 127.0.0.1 is already in use, by another process: --amqp-port (GRANARY_AMQP_PORT) chooses another one.", second.Output.Trim());
        Assert.False(Directory.Exists(folder));
    }

    private static async Task UseAsync(IConnection connection)
    {
        await using var channel = await connection.CreateChannelAsync(new CreateChannelOptions(true, true));
        await channel.QueueDeclareAsync("durable", durable: true, exclusive: false, autoDelete: false);
        await channel.ExchangeDeclareAsync("topic", ExchangeType.Topic, durable: true);
        await channel.QueueBindAsync("durable", "topic", "#");
        await channel.BasicPublishAsync("topic", "a.b", mandatory: true, new BasicProperties { Persistent = true }, new byte[] { 1 });
        await channel.BasicPublishAsync("", "durable", mandatory: true, new BasicProperties { Persistent = true }, new byte[] { 2 });
        var got = await channel.BasicGetAsync("durable", autoAck: true);
        Assert.Equal(1, got!.Body.Span[0]);
        var arrived = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        var consumer = new AsyncEventingBasicConsumer(channel);
        consumer.ReceivedAsync += async (_, e) =>
        {
            await channel.BasicAckAsync(e.DeliveryTag, multiple: false);
            arrived.TrySetResult();
        };
        await channel.BasicConsumeAsync("durable", autoAck: false, consumer);
        await arrived.Task.WaitAsync(Limit);
        await channel.QueueDeleteAsync("durable");
        await channel.ExchangeDeleteAsync("topic");
    }

    private static async Task AskForWhatIsNotThereAsync(IConnection connection)
    {
        await using var channel = await connection.CreateChannelAsync();
        var refused = await Assert.ThrowsAsync<OperationInterruptedException>(() => channel.QueueDeclarePassiveAsync("durable"));
        Assert.Equal(404, refused.ShutdownReason!.ReplyCode);
    }

    private static async Task AskForWhatNobodyHasAsync(IConnection connection)
    {
        await using var channel = await connection.CreateChannelAsync();
        var refused = await Assert.ThrowsAsync<OperationInterruptedException>(() => channel.BasicQosAsync(prefetchSize: 1, prefetchCount: 1, global: false));
        Assert.Equal(540, refused.ShutdownReason!.ReplyCode);
    }

    private static async Task RejectOneAsync(IChannel channel)
    {
        await channel.QueueDeclareAsync("dead", durable: false, exclusive: true, autoDelete: false);
        var arguments = new Dictionary<string, object?> { ["x-dead-letter-exchange"] = "", ["x-dead-letter-routing-key"] = "dead" };
        await channel.QueueDeclareAsync("source", durable: false, exclusive: true, autoDelete: false, arguments);
        var arrived = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        var consumer = new AsyncEventingBasicConsumer(channel);
        consumer.ReceivedAsync += (_, _) =>
        {
            arrived.TrySetResult();
            return Task.CompletedTask;
        };
        await channel.BasicConsumeAsync("dead", autoAck: true, consumer);
        var rejecting = new AsyncEventingBasicConsumer(channel);
        rejecting.ReceivedAsync += async (_, e) => await channel.BasicRejectAsync(e.DeliveryTag, requeue: false);
        await channel.BasicConsumeAsync("source", autoAck: false, rejecting);
        await channel.BasicPublishAsync("", "source", new byte[] { 1 });
        await arrived.Task.WaitAsync(Limit);
    }
}
