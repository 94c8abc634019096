using System.Collections.Concurrent;
using System.Diagnostics;
using System.Globalization;
using System.Text;
using RabbitMQ.Client;
using RabbitMQ.Client.Events;
using RabbitMQ.Client.Exceptions;

namespace Granary.Cluster.Tests.Chaos;

/// <summary>
/// Requesters with an exclusive reply queue each at one gateway, and who answers them at the other. What waits in an exclusive queue is in memory of one silo: an answer that was there when the
/// silo was lost is lost with it, whatever was confirmed before. So requests are persistent in a durable queue and settled when the answer is confirmed, and a requester that has no answer in time asks again.
/// </summary>
internal sealed class Requesters : IAsyncDisposable
{
    private const string Requests = "rpc.requests";
    private const int Connections = 10, Answering = 4;

    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(60);
    private static readonly TimeSpan AskAgainAfter = TimeSpan.FromSeconds(1);

    private readonly List<IConnection> _connections = [];
    private readonly List<Requester> _requesters = [];
    private readonly ConcurrentQueue<string> _faults = new();
    private int _answers;
    private volatile bool _isOver;

    public static async Task<Requesters> StartAsync(LocalCluster cluster, int count)
    {
        var all = new Requesters();
        for (var i = 0; i < Answering; i++)
        {
            await all.AnswerAsync(await all.ConnectAsync(cluster, 2));
        }

        for (var i = 0; i < Connections; i++)
        {
            await all.AskAsync(await all.ConnectAsync(cluster, 1), count / Connections);
        }

        return all;
    }

    /// <summary>Each asks once and has its answer. Says how long it took for the slowest, and how often a request was said again.</summary>
    public async Task<(TimeSpan Slowest, int Again)> AskAllAsync()
    {
        var asked = await Task.WhenAll(_requesters.Select(requester => requester.AskAsync()));
        return (asked.Max(one => one.Took), asked.Sum(one => one.Again));
    }

    public void Check() => Assert.Empty(_faults);

    public async ValueTask DisposeAsync()
    {
        _isOver = true;
        foreach (var connection in _connections)
        {
            await connection.DisposeAsync();
        }
    }

    private async Task<IConnection> ConnectAsync(LocalCluster cluster, int gateway)
    {
        var connection = await new ConnectionFactory
        {
            HostName = "127.0.0.1",
            Port = cluster.AmqpPort(gateway),
            AutomaticRecoveryEnabled = false,
            ContinuationTimeout = Patience,
        }.CreateConnectionAsync();
        connection.ConnectionShutdownAsync += (_, ended) => Report($"A connection to gateway {gateway} was closed: {ended}");
        _connections.Add(connection);
        return connection;
    }

    private async Task AnswerAsync(IConnection connection)
    {
        var channel = await connection.CreateChannelAsync(new CreateChannelOptions(true, true, outstandingPublisherConfirmationsRateLimiter: null, consumerDispatchConcurrency: 100));
        channel.ChannelShutdownAsync += (_, ended) => Report($"An answering channel was closed: {ended}");
        await channel.QueueDeclareAsync(Requests, durable: true, exclusive: false, autoDelete: false);
        await channel.BasicQosAsync(0, 100, global: false);
        var consumer = new AsyncEventingBasicConsumer(channel);
        consumer.ReceivedAsync += async (_, request) =>
        {
            // Which answer it is: the same one must not come twice.
            var answer = string.Create(CultureInfo.InvariantCulture, $"{Encoding.ASCII.GetString(request.Body.Span)} {Interlocked.Increment(ref _answers)}");
            try
            {
                await channel.BasicPublishAsync("", request.BasicProperties.ReplyTo!, mandatory: true, Encoding.ASCII.GetBytes(answer));
            }
            catch (PublishReturnException)
            {
                await Report($"An answer to {request.BasicProperties.ReplyTo} was returned");
            }

            await channel.BasicAckAsync(request.DeliveryTag, multiple: false);
        };
        await channel.BasicConsumeAsync(Requests, autoAck: false, consumer);
    }

    private async Task AskAsync(IConnection connection, int count)
    {
        var channel = await connection.CreateChannelAsync(new CreateChannelOptions(true, true, outstandingPublisherConfirmationsRateLimiter: null));
        channel.ChannelShutdownAsync += (_, ended) => Report($"A requester's channel was closed: {ended}");
        for (var i = 0; i < count; i++)
        {
            var requester = new Requester(channel, (await channel.QueueDeclareAsync("", durable: false, exclusive: true, autoDelete: true)).QueueName, fault => Report(fault));
            var consumer = new AsyncEventingBasicConsumer(channel);
            consumer.ReceivedAsync += requester.ReceiveAsync;
            await channel.BasicConsumeAsync(requester.Queue, autoAck: true, consumer);
            _requesters.Add(requester);
        }
    }

    private Task Report(string fault)
    {
        if (!_isOver)
        {
            _faults.Enqueue(fault);
        }

        return Task.CompletedTask;
    }

    private sealed class Requester(IChannel channel, string queue, Action<string> report)
    {
        private readonly HashSet<string> _answers = [];
        private TaskCompletionSource _answered = new(TaskCreationOptions.RunContinuationsAsynchronously);
        private volatile int _asked;

        public string Queue => queue;

        public async Task<(TimeSpan Took, int Again)> AskAsync()
        {
            _answered = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
            _asked++;
            var request = Encoding.ASCII.GetBytes(_asked.ToString(CultureInfo.InvariantCulture));
            var began = Stopwatch.GetTimestamp();
            for (var again = 0; ; again++)
            {
                await channel.BasicPublishAsync("", Requests, mandatory: true, new BasicProperties { Persistent = true, ReplyTo = queue }, request).AsTask().WaitAsync(Patience);
                if (await Task.WhenAny(_answered.Task, Task.Delay(AskAgainAfter)) == _answered.Task)
                {
                    return (Stopwatch.GetElapsedTime(began), again);
                }

                Assert.True(again < Patience / AskAgainAfter, $"{queue} has no answer to {_asked}");
            }
        }

        public Task ReceiveAsync(object sender, BasicDeliverEventArgs delivery)
        {
            var answer = Encoding.ASCII.GetString(delivery.Body.Span);
            if (!_answers.Add(answer))
            {
                report($"The answer {answer} came to {queue} twice");
            }

            if (answer.StartsWith(string.Create(CultureInfo.InvariantCulture, $"{_asked} "), StringComparison.Ordinal))
            {
                _answered.TrySetResult();
            }

            return Task.CompletedTask;
        }
    }
}
