using System.Diagnostics;
using System.Globalization;
using System.Net;
using System.Net.Sockets;
using System.Text;
using RabbitMQ.Client;
using RabbitMQ.Client.Events;
using RabbitMQ.Client.Exceptions;
using BasicProperties = RabbitMQ.Client.BasicProperties;

namespace Granary.Cluster.Tests.Proxies;

/// <summary>A client that recovers, behind a proxy: it sends itself a message through a queue, and the next one when it has come.</summary>
internal sealed class ProxiedClient : IAsyncDisposable
{
    public static readonly TimeSpan Heartbeat = TimeSpan.FromSeconds(20);

    private static readonly TimeSpan BeforeTheNextTry = TimeSpan.FromMilliseconds(100);

    private readonly CancellationTokenSource _ended = new();
    private readonly IConnection _connection;
    private readonly IChannel _channel;
    private readonly string _queue;
    private readonly Task _running;
    private TaskCompletionSource _come = new();
    private int _number;
    private long _longest;
    private volatile int _losses;

    private ProxiedClient(IConnection connection, IChannel channel, string queue)
    {
        (_connection, _channel, _queue) = (connection, channel, queue);
        connection.ConnectionShutdownAsync += (_, _) =>
        {
            Interlocked.Increment(ref _losses);
            return Task.CompletedTask;
        };
        _running = RunAsync();
    }

    /// <summary>How many messages have come.</summary>
    public int Rounds => Volatile.Read(ref _number);

    public bool HasLostItsConnection => _losses > 0;

    /// <summary>How long the slowest of them took.</summary>
    public TimeSpan Longest => new(Interlocked.Read(ref _longest));

    /// <summary>How it connects: from an address of loopback that is its own.</summary>
    public static ConnectionFactory Factory(int port, IPAddress from) => new()
    {
        HostName = "127.0.0.1",
        Port = port,
        RequestedHeartbeat = Heartbeat,
        NetworkRecoveryInterval = TimeSpan.FromSeconds(1),
        SocketFactory = family =>
        {
            var socket = new Socket(family, SocketType.Stream, ProtocolType.Tcp) { NoDelay = true };
            socket.Bind(new IPEndPoint(from, 0));
            return new TcpClientAdapter(socket);
        },
    };

    public static async Task<ProxiedClient> StartAsync(int port, IPAddress from, string queue)
    {
        var connection = await Factory(port, from).CreateConnectionAsync();
        var channel = await connection.ConfirmedChannelAsync();
        await channel.QueueDeclareAsync(queue, durable: true, exclusive: false, autoDelete: false);
        return new ProxiedClient(connection, channel, queue);
    }

    /// <summary>Ends it; fails if something else than the loss of a connection has happened to it.</summary>
    public async Task EndAsync()
    {
        await _ended.CancelAsync();
        await _running.WaitAsync(Clients.Patience);
    }

    public async ValueTask DisposeAsync()
    {
        await _ended.CancelAsync();
        await _running.ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        await _connection.DisposeAsync();
        _ended.Dispose();
    }

    private async Task RunAsync()
    {
        var consumer = new AsyncEventingBasicConsumer(_channel);
        consumer.ReceivedAsync += TakeAsync;
        await _channel.BasicConsumeAsync(_queue, autoAck: false, consumer);
        while (!_ended.IsCancellationRequested)
        {
            _come = new(TaskCreationOptions.RunContinuationsAsynchronously);
            var since = Stopwatch.GetTimestamp();
            while (!await TryPublishAsync(string.Create(CultureInfo.InvariantCulture, $"{_number}")))
            {
                await Task.Delay(BeforeTheNextTry);
            }

            await _come.Task.WaitAsync(Clients.Patience);
            Interlocked.Exchange(ref _longest, Math.Max(_longest, Stopwatch.GetElapsedTime(since).Ticks));
            Interlocked.Increment(ref _number);
        }
    }

    // False while there is no connection, and when there was none any more before the confirm came.
    private async Task<bool> TryPublishAsync(string text)
    {
        try
        {
            await _channel.BasicPublishAsync("", _queue, mandatory: true, new BasicProperties { Persistent = true }, Encoding.ASCII.GetBytes(text));
            return true;
        }
        catch (OperationInterruptedException)
        {
            return false;
        }
    }

    // One of an earlier round comes again when it was published again, or was not acknowledged.
    private async Task TakeAsync(object sender, BasicDeliverEventArgs delivery)
    {
        if (int.Parse(Encoding.ASCII.GetString(delivery.Body.Span), CultureInfo.InvariantCulture) == Rounds)
        {
            _come.TrySetResult();
        }

        try
        {
            await _channel.BasicAckAsync(delivery.DeliveryTag, multiple: false);
        }
        catch (OperationInterruptedException)
        {
            // It will come again.
        }
    }
}
