using System.Net.Http.Headers;
using System.Text;
using RabbitMQ.Client;
using RabbitMQ.Client.Events;
using RabbitMQ.Client.Exceptions;
using BasicProperties = RabbitMQ.Client.BasicProperties;

namespace Granary.Cluster.Tests;

/// <summary>What is changed of users at one gateway holds at the other as soon as the change is answered, for clients that are in the middle of something, too.</summary>
[Collection(TwoGateways.Shared)]
public sealed class AccessTests(TwoGateways gateways) : IAsyncLifetime, IDisposable
{
    private const int LoginRefused = 1105;

    private readonly string _name = $"access-{Guid.NewGuid():N}";
    private readonly HttpClient _api = new()
    {
        BaseAddress = new Uri($"http://127.0.0.1:{gateways.Cluster.HttpPort("gateway-1")}/api/"),
        DefaultRequestHeaders = { Authorization = new AuthenticationHeaderValue("Basic", Convert.ToBase64String("guest:guest"u8)) },
    };

    public async Task InitializeAsync()
    {
        await PutAsync($"users/{_name}", """{"password":"secret","tags":""}""");
        await PermitAsync(write: ".*", read: ".*");
        await PutAsync($"queues/%2F/{_name}", """{"durable":true}""");
    }

    public async Task DisposeAsync()
    {
        using var removed = await _api.DeleteAsync(Relative($"queues/%2F/{_name}"));
        using var gone = await _api.DeleteAsync(Relative($"users/{_name}"));
    }

    public void Dispose() => _api.Dispose();

    [Fact]
    public async Task Write_TakenAwayUnderLoad_IsRefusedAtEveryGatewayOnceTheChangeIsAnswered()
    {
        await using var first = await ConnectAsync(1);
        await using var second = await ConnectAsync(2);
        var refused = new List<Task<ShutdownEventArgs>>();
        var publishers = new List<Publisher>();
        foreach (var connection in new[] { first, second, first, second })
        {
            var channel = await connection.ConfirmedChannelAsync();
            refused.Add(ClosedAsync(channel));
            publishers.Add(new Publisher(channel, _name));
        }

        await Clients.UntilAsync(() => publishers.All(static publisher => publisher.Confirmed > 100));

        await PermitAsync(write: "", read: ".*");
        publishers.ForEach(static publisher => publisher.IsLate = true);

        foreach (var refusal in refused)
        {
            var reason = await refusal.WaitAsync(Clients.Patience);
            Assert.Equal(403, reason.ReplyCode);
            Assert.Equal($"ACCESS_REFUSED - write access to exchange 'amq.default' in vhost '/' refused for user '{_name}'", reason.ReplyText);
        }

        await Task.WhenAll(publishers.Select(static publisher => publisher.Ended)).WaitAsync(Clients.Patience);
        var (early, late) = await DrainAsync();
        Assert.Equal(0, late);
        Assert.InRange(early, publishers.Sum(static publisher => publisher.Confirmed), publishers.Sum(static publisher => publisher.Confirmed + 1));
    }

    [Fact]
    public async Task Read_TakenAway_CancelsTheConsumersOfEveryGatewayAndRequeuesNothingToThem()
    {
        await using var first = await ConnectAsync(1);
        await using var second = await ConnectAsync(2);
        var cancelled = new List<Task>();
        foreach (var connection in new[] { first, second })
        {
            var channel = await connection.CreateChannelAsync();
            var consumer = new AsyncEventingBasicConsumer(channel);
            var gone = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
            consumer.UnregisteredAsync += (_, _) => Task.FromResult(gone.TrySetResult());
            await channel.BasicConsumeAsync(_name, autoAck: false, consumer);
            cancelled.Add(gone.Task);
        }

        await PermitAsync(write: ".*", read: "");

        await Task.WhenAll(cancelled).WaitAsync(Clients.Patience);
        await using var admin = await gateways.Cluster.ConnectAsync(1);
        await using var asking = await admin.CreateChannelAsync();

        // A gateway tells its client while it takes the consumer from the queue: the queue may hear of it later.
        await Clients.UntilAsync(async () => (await asking.QueueDeclarePassiveAsync(_name)).ConsumerCount == 0);
    }

    [Fact]
    public async Task User_Deleted_HasNoConnectionLeftAtAnyGateway()
    {
        await using var first = await ConnectAsync(1);
        await using var second = await ConnectAsync(2);
        gateways.Cluster.Allow(LoginRefused, about: _name);
        var closed = new[] { ClosedAsync(first), ClosedAsync(second) };

        using var deleted = await _api.DeleteAsync(Relative($"users/{_name}"));
        deleted.EnsureSuccessStatusCode();

        foreach (var reason in await Task.WhenAll(closed).WaitAsync(Clients.Patience))
        {
            Assert.Equal((320, $"CONNECTION_FORCED - user '{_name}' is deleted"), (reason.ReplyCode, reason.ReplyText));
        }

        await Assert.ThrowsAnyAsync<BrokerUnreachableException>(() => ConnectAsync(2));
    }

    private static Uri Relative(string path) => new(path, UriKind.Relative);

    private static Task<ShutdownEventArgs> ClosedAsync(IChannel channel)
    {
        var closed = new TaskCompletionSource<ShutdownEventArgs>(TaskCreationOptions.RunContinuationsAsynchronously);
        channel.ChannelShutdownAsync += (_, reason) => Task.FromResult(closed.TrySetResult(reason));
        return closed.Task;
    }

    private static Task<ShutdownEventArgs> ClosedAsync(IConnection connection)
    {
        var closed = new TaskCompletionSource<ShutdownEventArgs>(TaskCreationOptions.RunContinuationsAsynchronously);
        connection.ConnectionShutdownAsync += (_, reason) => Task.FromResult(closed.TrySetResult(reason));
        return closed.Task;
    }

    private Task<IConnection> ConnectAsync(int gateway)
    {
        var client = gateways.Cluster.ClientOf(gateway);
        (client.UserName, client.Password, client.ContinuationTimeout) = (_name, "secret", Clients.Patience);
        return client.CreateConnectionAsync();
    }

    // How many messages there are that were published before the change was answered, and after it.
    private async Task<(int Early, int Late)> DrainAsync()
    {
        await using var admin = await gateways.Cluster.ConnectAsync(2);
        await using var channel = await admin.CreateChannelAsync();
        var (early, late) = (0, 0);
        while (await channel.BasicGetAsync(_name, autoAck: true) is { } message)
        {
            _ = message.Body.Span.SequenceEqual(Publisher.Late) ? late++ : early++;
        }

        return (early, late);
    }

    private Task PermitAsync(string write, string read) =>
        PutAsync($"permissions/%2F/{_name}", $$"""{"configure":"","write":"{{write}}","read":"{{read}}"}""");

    private async Task PutAsync(string path, string body)
    {
        using var content = new StringContent(body, Encoding.UTF8, "application/json");
        using var answer = await _api.PutAsync(Relative(path), content);
        Assert.True(answer.IsSuccessStatusCode, $"{path}: {answer.StatusCode} {await answer.Content.ReadAsStringAsync()}");
    }

    /// <summary>Publishes one message after the other, each confirmed, until it is refused.</summary>
    private sealed class Publisher
    {
        private static readonly byte[] Early = "early"u8.ToArray();

        private int _confirmed;

        public Publisher(IChannel channel, string queue) => Ended = PublishAsync(channel, queue);

        public static byte[] Late { get; } = "late"u8.ToArray();

        public int Confirmed => Volatile.Read(ref _confirmed);

        public bool IsLate { get; set; }

        public Task Ended { get; }

        private async Task PublishAsync(IChannel channel, string queue)
        {
            try
            {
                while (true)
                {
                    await channel.BasicPublishAsync("", queue, mandatory: false, new BasicProperties { Persistent = true }, IsLate ? Late : Early);
                    Interlocked.Increment(ref _confirmed);
                }
            }
            catch (Exception exception) when (exception is AlreadyClosedException or OperationInterruptedException or PublishException)
            {
                // It was refused, as the channel's end says.
            }
        }
    }
}
