using System.Buffers.Binary;
using System.Collections.Concurrent;
using System.Net.Sockets;
using Granary.Crash.Ledger;
using Granary.Testing.Wire;
using static Granary.Testing.Wire.WireMethods;

namespace Granary.Crash.Restarts;

/// <summary>Publishes and consumes on one durable queue, one confirmed message after the other, and comes back at once when it loses the broker.</summary>
internal sealed class ReturningClient(int number, Faults faults, ConcurrentDictionary<long, bool> seen)
{
    public const string Queue = "restarts";

    private static readonly TimeSpan Pause = TimeSpan.FromMilliseconds(10);
    private readonly ConcurrentQueue<long> _confirmed = [];
    private long _last;
    private int _confirms;

    /// <summary>How many of its messages were confirmed so far.</summary>
    public int Confirms => Volatile.Read(ref _confirms);

    /// <summary>Those of its messages that were confirmed.</summary>
    public IEnumerable<long> Confirmed => _confirmed;

    /// <summary>Comes and goes until it is told to stop.</summary>
    /// <param name="publish">Ends before <paramref name="stop"/>: what is left is consumed.</param>
    public async Task RunAsync(int port, CancellationToken publish, CancellationToken stop)
    {
        while (!stop.IsCancellationRequested)
        {
            try
            {
                await using var connection = await WireConnection.OpenAsync(port);
                await using var end = stop.Register(() => connection.DisposeAsync().AsTask());
                await ServeAsync(connection, publish);
            }
            catch (Exception exception) when (exception is SocketException or IOException or ObjectDisposedException)
            {
                // The broker is gone, or not there yet: the next try finds it.
            }
            catch (Exception exception) when (exception is InvalidDataException or TimeoutException)
            {
                // A connection that ends while it is opened is told as a missing answer.
                if (!exception.Message.EndsWith("the end of the stream.", StringComparison.Ordinal) && !stop.IsCancellationRequested)
                {
                    faults.Add($"client {number}: {exception.Message}");
                }
            }

            await Task.Delay(Pause, CancellationToken.None);
        }
    }

    private async Task ServeAsync(WireConnection connection, CancellationToken publish)
    {
        await connection.CallAsync(1, ConfirmSelect(), 85, 11);
        await connection.CallAsync(1, BasicQos(0, 50), 60, 11);
        await connection.CallAsync(1, QueueDeclare(Queue, durable: true), 50, 11);
        await connection.CallAsync(1, BasicConsume(Queue), 60, 21);
        await PublishAsync(connection, publish);
        while (await connection.ReadAsync() is { } frame)
        {
            if (frame.Is(60, 80))
            {
                _confirmed.Enqueue(_last);
                Interlocked.Increment(ref _confirms);
                await PublishAsync(connection, publish);
            }
            else if (frame.Is(60, 60))
            {
                var arguments = frame.Arguments();
                arguments.ShortString();
                var tag = arguments.LongLong();
                await connection.ReadAsync();
                if (await connection.ReadAsync() is { Type: WireFrame.BodyType } body)
                {
                    seen[BinaryPrimitives.ReadInt64BigEndian(body.Payload)] = true;
                    await connection.SendMethodAsync(1, BasicAck(tag));
                }
            }
            else
            {
                throw new InvalidDataException($"The broker sent {WireClose.From(frame)?.ToString() ?? frame.ToString()}.");
            }
        }
    }

    private async Task PublishAsync(WireConnection connection, CancellationToken publish)
    {
        if (!publish.IsCancellationRequested)
        {
            _last = _last == 0 ? (long)(number + 1) << 32 : _last + 1;
            var body = new byte[8];
            BinaryPrimitives.WriteInt64BigEndian(body, _last);

            // Delivery mode 2.
            await connection.PublishAsync(1, BasicPublish("", Queue), body, flags: 1 << 12, properties: [2]);
        }
    }
}
