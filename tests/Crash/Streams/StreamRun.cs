using System.Collections.Concurrent;
using System.Globalization;
using System.Text;
using Granary.Crash.Brokers;
using Granary.Crash.Ledger;
using Granary.Crash.Load;
using RabbitMQ.Client;
using RabbitMQ.Client.Events;

namespace Granary.Crash.Streams;

/// <summary>
/// Publishers write to a stream, with confirms, and readers read it, each on from where it was, while the broker is killed again and again. In the end everything that was confirmed is
/// in it, nothing is in it twice, each offset has what every reader saw there, and the messages of each publisher are in their order.
/// </summary>
internal sealed class StreamRun(int kills, StoreKind store, Action<string> log, int bodySize = 200)
{
    private const string Name = "crash-stream";
    private const int Publishers = 3, Readers = 3, LastWriteCutOff = 3311;

    private readonly Faults _faults = new(seed: 0, log);
    private readonly ConcurrentDictionary<string, bool> _confirmed = [];
    private readonly ConcurrentDictionary<long, string> _seen = [];
    private readonly long[] _positions = new long[Readers];
    private readonly int[] _published = new int[Publishers];

    public int Confirmed => _confirmed.Count;

    public int Seen => _seen.Count;

    /// <summary>How many files there were at the end that the stream had of its own.</summary>
    public int StreamFiles { get; private set; }

    /// <summary>Runs it; what was wrong, as text.</summary>
    public async Task<string> RunAsync()
    {
        await using var home = await Home.CreateAsync(store);
        home.Announced = [LastWriteCutOff];
        var node = await home.StartReadyAsync();
        try
        {
            for (var kill = 0; kill < kills; kill++)
            {
                var before = (Confirmed, Seen);
                var clients = RunClientsAsync(node.AmqpPort);
                await UntilAsync(() => Confirmed > before.Confirmed + 300 && Seen > before.Seen + 100, clients);
                await node.KillAsync();
                await clients;
                await node.DisposeAsync();
                node = await home.StartReadyAsync();
                log($"kill {kill + 1}: {Confirmed} confirmed, {Seen} seen");
            }

            await CheckAsync(node.AmqpPort);
            StreamFiles = Directory.GetFiles(home.Folder, "*.stream", SearchOption.AllDirectories).Length;
        }
        finally
        {
            foreach (var line in node.Watched.TakeUnannounced().Take(5))
            {
                _faults.Add($"the node logged: {line}");
            }

            await node.DisposeAsync();
        }

        return _faults.ToString();
    }

    private static async Task UntilAsync(Func<bool> isDone, Task clients)
    {
        using var limit = new CancellationTokenSource(TimeSpan.FromSeconds(90));
        while (!isDone() && !clients.IsCompleted && !limit.IsCancellationRequested)
        {
            await Task.Delay(5, CancellationToken.None);
        }
    }

    private Task RunClientsAsync(int port) => Task.WhenAll(
        [.. Enumerable.Range(0, Publishers).Select(number => UntilLossAsync(port, channel => PublishAsync(channel, number))),
            .. Enumerable.Range(0, Readers).Select(number => UntilLossAsync(port, channel => ReadAsync(channel, number, long.MaxValue)))]);

    private static async Task UntilLossAsync(int port, Func<IChannel, Task> act)
    {
        try
        {
            await using var connection = await Client.ConnectAsync(port);
            await using var channel = await connection.CreateChannelAsync(
                new CreateChannelOptions(publisherConfirmationsEnabled: true, publisherConfirmationTrackingEnabled: true));
            await channel.QueueDeclareAsync(
                Name, durable: true, exclusive: false, autoDelete: false, new Dictionary<string, object?> { ["x-queue-type"] = "stream" });
            await act(channel);
        }
        catch (Exception exception) when (Client.IsLoss(exception))
        {
            // The broker was killed: what was not confirmed may be there or not.
        }
    }

    private async Task PublishAsync(IChannel channel, int publisher)
    {
        while (true)
        {
            var burst = Enumerable.Range(0, 20).Select(_ => string.Create(CultureInfo.InvariantCulture, $"{publisher} {_published[publisher]++}")).ToArray();
            await Task.WhenAll(burst.Select(async body =>
            {
                await channel.BasicPublishAsync("", Name, mandatory: true, new BasicProperties { Persistent = body[^1] % 2 == 0 }, Encoding.UTF8.GetBytes(body.PadRight(bodySize)));
                _confirmed[body] = true;
            }));
        }
    }

    /// <summary>Reads from where the reader was up to an offset.</summary>
    private async Task ReadAsync(IChannel channel, int reader, long end)
    {
        var isOver = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        var consumer = new AsyncEventingBasicConsumer(channel);
        consumer.ReceivedAsync += async (_, e) =>
        {
            var offset = (long)e.BasicProperties.Headers!["x-stream-offset"]!;
            if (offset != _positions[reader])
            {
                _faults.Add($"reader {reader} was given {offset} after {_positions[reader] - 1}");
            }

            _positions[reader] = offset + 1;
            var body = Encoding.UTF8.GetString(e.Body.Span).TrimEnd();
            if (_seen.GetOrAdd(offset, body) is var other && other != body)
            {
                _faults.Add($"offset {offset} was '{other}', and is '{body}'");
            }

            await channel.BasicAckAsync(e.DeliveryTag, multiple: false);
            if (offset + 1 == end)
            {
                isOver.TrySetResult();
            }
        };
        channel.ChannelShutdownAsync += (_, _) =>
        {
            isOver.TrySetResult();
            return Task.CompletedTask;
        };
        await channel.BasicQosAsync(0, 100, global: false);
        await channel.BasicConsumeAsync(Name, autoAck: false, "", noLocal: false, exclusive: false, new Dictionary<string, object?> { ["x-stream-offset"] = _positions[reader] }, consumer);
        await isOver.Task;
    }

    private async Task CheckAsync(int port)
    {
        _positions[0] = 0;
        var count = 0L;
        await UntilLossAsync(port, async channel =>
        {
            count = await channel.MessageCountAsync(Name);
            await ReadAsync(channel, 0, count).WaitAsync(TimeSpan.FromSeconds(90));
        });
        var bodies = _seen.Where(seen => seen.Key < count).OrderBy(seen => seen.Key).Select(seen => seen.Value).ToArray();
        if (_positions[0] != count || bodies.Length != _seen.Count)
        {
            _faults.Add($"of {count} messages, {_positions[0]} were read at the end; {_seen.Count} offsets were seen");
        }

        foreach (var missing in _confirmed.Keys.Except(bodies).Take(5))
        {
            _faults.Add($"'{missing}' was confirmed, and is not there");
        }

        foreach (var publisher in bodies.GroupBy(body => body[0]))
        {
            var numbers = publisher.Select(body => int.Parse(body.AsSpan(2), CultureInfo.InvariantCulture)).ToArray();
            if (numbers.Zip(numbers.Skip(1)).Any(pair => pair.First >= pair.Second))
            {
                _faults.Add($"messages of publisher {publisher.Key} are there twice, or not in their order");
            }
        }
    }
}
