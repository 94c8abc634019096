using System.Diagnostics;
using RabbitMQ.Client;

namespace Granary.Cluster.Tests.Chaos;

/// <summary>Publishes to each queue in rounds, two messages each; what a round publishes is under way at once, and the next begins when all of it is confirmed.</summary>
internal sealed class RoundPublisher(int number, IChannel channel, string exchange, string[] queues, Ledger ledger)
{
    // Longer than an event may last that others have to wait for.
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(90);
    private static readonly TimeSpan Pause = TimeSpan.FromMilliseconds(100);

    private readonly Lock _lock = new();
    private TaskCompletionSource _roundEnded = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private TimeSpan _longest;
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
    public TimeSpan TakeLongest()
    {
        lock (_lock)
        {
            var longest = _longest;
            _longest = TimeSpan.Zero;
            return longest;
        }
    }

    private async Task PublishAsync(string queue)
    {
        var stamp = new Stamp(number, _published++);
        var sent = Stopwatch.GetTimestamp();
        await channel.BasicPublishAsync(exchange, queue, mandatory: true, new BasicProperties { Persistent = true }, stamp.Encode());
        ledger.AddConfirmed(queue, stamp);
        lock (_lock)
        {
            var took = Stopwatch.GetElapsedTime(sent);
            _longest = took > _longest ? took : _longest;
        }
    }
}
