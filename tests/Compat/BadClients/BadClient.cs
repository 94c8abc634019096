using System.Net.Sockets;
using Granary.Testing.Wire;
using static Granary.Testing.Wire.WireMethods;

namespace Granary.Compat.Tests.BadClients;

/// <summary>Clients that harm a broker without breaking the protocol. Each goes on until it is told to stop, and comes back when it is thrown out.</summary>
internal static class BadClient
{
    private const int ReceiveBuffer = 4 << 10;

    /// <summary>Publishes with confirms as fast as it can, and reads none of them.</summary>
    /// <param name="sent">Told after each send that the broker took.</param>
    public static Task PublishDeafAsync(int port, string queue, Action sent, CancellationToken stop) => RunAsync(port, stop, async connection =>
    {
        await connection.CallAsync(1, QueueDeclare(queue, arguments: new Dictionary<string, object?> { ["x-max-length"] = 1_000 }), 50, 11);
        await connection.CallAsync(1, ConfirmSelect(), 85, 11);

        // To two queues in turn, so that each message has an outcome of its own, and few at a time, so that few have one in common.
        var pair = Publish(queue, 16).Concat(Publish("", 16)).ToArray();
        var bytes = Enumerable.Repeat(pair, 10).SelectMany(some => some).ToArray();
        while (true)
        {
            await connection.SendAsync(bytes);
            sent();
        }
    });

    /// <summary>Consumes a queue that somebody fills, and reads no delivery.</summary>
    public static async Task ConsumeDeafAsync(int port, string queue, CancellationToken stop)
    {
        // Bounded, so that what it holds is not the queue's.
        var arguments = new Dictionary<string, object?> { ["x-max-length"] = 1_000 };
        await Task.WhenAll(
            RunAsync(port, stop, async connection =>
            {
                await connection.CallAsync(1, QueueDeclare(queue, arguments: arguments), 50, 11);
                await connection.CallAsync(1, BasicConsume(queue, noAck: true), 60, 21);
                await Task.Delay(Timeout.Infinite, stop);
            }),
            RunAsync(port, stop, async connection =>
            {
                await connection.CallAsync(1, QueueDeclare(queue, arguments: arguments), 50, 11);
                var bytes = Enumerable.Repeat(Publish(queue, 1_024), 50).SelectMany(some => some).ToArray();
                while (true)
                {
                    await connection.SendAsync(bytes);
                }
            }));
    }

    /// <summary>Opens a TCP connection and says nothing.</summary>
    public static async Task SaySilentAsync(int port, CancellationToken stop)
    {
        while (!stop.IsCancellationRequested)
        {
            await using var connection = await WireConnection.ConnectAsync(port);
            await using var end = stop.Register(() => connection.DisposeAsync().AsTask());
            try
            {
                await connection.ReadToEndAsync(Timeout.InfiniteTimeSpan);
            }
            catch (ObjectDisposedException)
            {
                // Told to stop.
            }
        }
    }

    private static async Task RunAsync(int port, CancellationToken stop, Func<WireConnection, Task> act)
    {
        while (!stop.IsCancellationRequested)
        {
            try
            {
                await using var connection = await WireConnection.OpenAsync(port, receiveBuffer: ReceiveBuffer);
                await using var end = stop.Register(() => connection.DisposeAsync().AsTask());
                await act(connection);
            }
            catch (Exception exception) when (exception is IOException or SocketException or ObjectDisposedException or OperationCanceledException)
            {
                // Thrown out, as it deserves, or told to stop.
            }
        }
    }

    private static byte[] Publish(string queue, int body) => new WireWriter()
        .Raw(new WireFrame(WireFrame.MethodType, 1, BasicPublish("", queue)).ToBytes())
        .Raw(new WireFrame(WireFrame.HeaderType, 1, Header((ulong)body)).ToBytes())
        .Raw(new WireFrame(WireFrame.BodyType, 1, new byte[body]).ToBytes())
        .ToArray();
}
