using System.Diagnostics;
using System.Net.Sockets;
using Granary.Testing.Brokers;
using Granary.Testing.Wire;
using static Granary.Testing.Wire.WireMethods;

namespace Granary.Compat.Tests.Memory;

/// <summary>A node with as much memory as in a container of 256 MiB, and publishers that send more than that and wait for nothing.</summary>
public sealed class SmallMemoryTests
{
    private const int Publishers = 10, Size = 10_000_000;
    private const int AlarmRaised = 1401, AlarmCleared = 1402, ClientCutOff = 1211;

    private static readonly TimeSpan Limit = TimeSpan.FromSeconds(60);

    // What .NET takes of 256 MiB: three quarters.
    private static readonly Dictionary<string, string> Environment = new() { ["DOTNET_GCHeapHardLimit"] = "0xC000000" };

    [Theory]
    [InlineData("memory")]
    [InlineData("files")]
    public async Task LargeMessages_MoreThanThereIsMemory_AreHeldAndGoOnAfterPurgeAndConsume(string store)
    {
        await using var broker = await BrokerProcess.StartAsync(Environment, "--store", store);
        broker.Watched.Allow(AlarmRaised, AlarmCleared, ClientCutOff);
        await using var other = await WireConnection.OpenAsync(broker.AmqpPort);
        var queues = Enumerable.Range(0, Publishers).Select(number => $"large.{number}").ToArray();
        foreach (var queue in queues)
        {
            await other.CallAsync(1, QueueDeclare(queue), 50, 11);
        }

        using var stop = new CancellationTokenSource();
        var sent = new int[Publishers];
        Task[] publishers = [.. queues.Select((queue, number) => PublishAsync(broker.AmqpPort, queue, () => Interlocked.Increment(ref sent[number]), stop.Token))];
        try
        {
            await WaitAsync(() => broker.Watched.Lines.Any(line => line.Event == AlarmRaised), broker, "the memory alarm");
            await SeeNothingSentAsync(sent, broker);

            // The other client is answered meanwhile, and what it takes away makes room.
            for (var purged = sent.ToArray(); !sent.Zip(purged).All(pair => pair.First > pair.Second);)
            {
                foreach (var queue in queues)
                {
                    await other.CallAsync(1, QueuePurge(queue), 50, 31);
                }
            }

            var consumed = sent.ToArray();
            await using var consumer = await WireConnection.OpenAsync(broker.AmqpPort);
            foreach (var queue in queues)
            {
                await consumer.SendMethodAsync(1, BasicConsume(queue, noAck: true));
            }

            var reading = ReadAsync(consumer, stop.Token);
            await WaitAsync(() => sent.Zip(consumed).All(pair => pair.First > pair.Second + 1), broker, "all publishers to go on");
            Assert.False(reading.IsCompleted);
            await other.CallAsync(1, QueueDeclare("small"), 50, 11);
            Assert.DoesNotContain(" fail: ", broker.Log, StringComparison.Ordinal);
        }
        finally
        {
            await stop.CancelAsync();
            await Task.WhenAll(publishers);
        }
    }

    private static async Task PublishAsync(int port, string queue, Action sent, CancellationToken stop)
    {
        await using var connection = await WireConnection.OpenAsync(port);
        await using var end = stop.Register(() => connection.DisposeAsync().AsTask());
        var message = new WireWriter()
            .Raw(new WireFrame(WireFrame.MethodType, 1, BasicPublish("", queue)).ToBytes())
            .Raw(new WireFrame(WireFrame.HeaderType, 1, Header(Size)).ToBytes());
        for (var rest = Size; rest > 0; rest -= 100_000)
        {
            message.Raw(new WireFrame(WireFrame.BodyType, 1, new byte[Math.Min(rest, 100_000)]).ToBytes());
        }

        var bytes = message.ToArray();
        try
        {
            while (true)
            {
                await connection.SendAsync(bytes);
                sent();
            }
        }
        catch (Exception exception) when (stop.IsCancellationRequested && exception is IOException or SocketException or ObjectDisposedException)
        {
            // Told to stop.
        }
    }

    private static async Task ReadAsync(WireConnection connection, CancellationToken stop)
    {
        while (!stop.IsCancellationRequested && await connection.ReadAsync() is not null)
        {
            // Counted by its publisher.
        }
    }

    /// <summary>Publishers are held: none of them gets anything more across for two seconds.</summary>
    private static async Task SeeNothingSentAsync(int[] sent, BrokerProcess broker)
    {
        var (before, since) = (sent.Sum(), Stopwatch.GetTimestamp());
        await WaitAsync(
            () =>
            {
                if (sent.Sum() is var now && now != before)
                {
                    (before, since) = (now, Stopwatch.GetTimestamp());
                }

                return Stopwatch.GetElapsedTime(since) > TimeSpan.FromSeconds(2);
            },
            broker, "publishers to be held");
    }

    private static async Task WaitAsync(Func<bool> isSo, BrokerProcess broker, string what)
    {
        for (var since = Stopwatch.GetTimestamp(); !isSo(); await Task.Delay(50))
        {
            Assert.True(Stopwatch.GetElapsedTime(since) < Limit, $"waited in vain for {what}:\n{broker.Log}");
        }
    }
}
