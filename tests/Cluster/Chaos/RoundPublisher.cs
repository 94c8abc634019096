using System.Diagnostics;
using RabbitMQ.Client;
using RabbitMQ.Client.Exceptions;

namespace Granary.Cluster.Tests.Chaos;

/// <summary>
/// Publishes to each queue in rounds, two messages each; what a round publishes is under way at once, and the next begins when all of it is confirmed. What was not confirmed when a connection
/// ended is published again, as another message.
/// </summary>
/// <param name="mayBeAway">Whether a queue may be gone at present, with the connection that it belongs to.</param>
internal sealed class RoundPublisher(int number, ChaosClient client, string exchange, string[] queues, Ledger ledger, Func<string, bool> mayBeAway)
{
    /// <summary>More than publishers there are: each connection of one counts as a publisher, for only what went one way keeps its order.</summary>
    private const int Publishers = 100;

    // Longer than an event may last that others have to wait for.
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(90);
    private static readonly TimeSpan Pause = TimeSpan.FromMilliseconds(100);

    private readonly Lock _lock = new();
    private TaskCompletionSource _roundEnded = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private Longest _longest;
    private int _published;

    public async Task RunAsync(CancellationToken stop)
    {
        try
        {
            while (!stop.IsCancellationRequested)
            {
                var under = queues.SelectMany(queue => new[] { PublishAsync(queue), PublishAsync(queue) }).ToArray();
                await Task.WhenAll(under).WaitAsync(Patience, CancellationToken.None);
                Interlocked.Exchange(ref _roundEnded, new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously)).SetResult();
                await Task.Delay(Pause, CancellationToken.None);
            }
        }
        catch (Exception failure)
        {
            Volatile.Read(ref _roundEnded).TrySetException(failure);
            throw;
        }
    }

    /// <summary>Completes when a round that has begun after this call is through.</summary>
    public async Task WholeRoundAsync()
    {
        await Volatile.Read(ref _roundEnded).Task;
        await Volatile.Read(ref _roundEnded).Task;
    }

    /// <summary>The longest that a confirm has taken since the last call.</summary>
    /// <param name="gone">The gateway that goes meanwhile, if one does: what waits for it waits for its clients to find another one.</param>
    public Longest TakeLongest(string? gone)
    {
        lock (_lock)
        {
            var longest = _longest;
            _longest = default;
            return gone == $"gateway-{client.Home}" ? new Longest(TimeSpan.Zero, longest.Or(new Longest(TimeSpan.Zero, longest.Stayed)).Recovered) : longest;
        }
    }

    private async Task PublishAsync(string queue)
    {
        for (var (began, isFirst) = (Stopwatch.GetTimestamp(), true); ; isFirst = false)
        {
            var life = await client.CurrentAsync();
            try
            {
                var (stamp, confirmed) = Publish(life, queue);
                await confirmed;
                ledger.AddConfirmed(queue, stamp);
                Note(Stopwatch.GetElapsedTime(began), isFirst);
                return;
            }
            catch (PublishReturnException) when (mayBeAway(queue))
            {
                // It comes back with the connection that it belongs to. How long that takes is that client's doing.
                await Task.Delay(Pause, CancellationToken.None);
                began = Stopwatch.GetTimestamp();
            }
            catch (Exception failure) when (failure is not PublishReturnException && !life.Connection.IsOpen)
            {
                await Task.Delay(Pause, CancellationToken.None);
            }
        }
    }

    // One after the other, for their numbers are in the order in which they are sent.
    private (Stamp Stamp, Task Confirmed) Publish(Life life, string queue)
    {
        lock (_lock)
        {
            var stamp = new Stamp((life.Number * Publishers) + number, _published++);
            return (stamp, life.Channel.BasicPublishAsync(exchange, queue, mandatory: true, new BasicProperties { Persistent = true }, stamp.Encode()).AsTask());
        }
    }

    private void Note(TimeSpan took, bool wasFirst)
    {
        lock (_lock)
        {
            _longest = _longest.Or(wasFirst ? new Longest(took, TimeSpan.Zero) : new Longest(TimeSpan.Zero, took));
        }
    }
}

/// <summary>The longest that confirms have taken.</summary>
/// <param name="Stayed">For publishers whose connection stayed.</param>
/// <param name="Recovered">For those that had to connect again meanwhile, from when they published it for the first time.</param>
internal readonly record struct Longest(TimeSpan Stayed, TimeSpan Recovered)
{
    public Longest Or(Longest other) => new(Max(Stayed, other.Stayed), Max(Recovered, other.Recovered));

    private static TimeSpan Max(TimeSpan one, TimeSpan other) => one > other ? one : other;
}
