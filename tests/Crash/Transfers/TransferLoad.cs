using System.Collections.Concurrent;
using System.Globalization;
using System.Text;
using RabbitMQ.Client;

namespace Granary.Crash.Transfers;

/// <summary>
/// Tokens that transactions move from queue to queue: each acknowledges some here and publishes them there. However the broker is treated meanwhile, there are always as
/// many as there were, and each of them once.
/// </summary>
/// <param name="clients">How to connect; movers take turns.</param>
/// <param name="queues">Durable queues, which are declared.</param>
/// <param name="log">Told what movers run into.</param>
internal sealed class TransferLoad(IReadOnlyList<Func<ConnectionFactory>> clients, IReadOnlyList<string> queues, int tokens, int movers, int seed, Action<string> log)
{
    private static readonly TimeSpan Limit = TimeSpan.FromSeconds(90);

    private readonly List<Task> _running = [];
    private CancellationTokenSource _stop = new();
    private long _commits;
    private long _moved;
    private long _failures;

    /// <summary>Transactions that were committed, as far as clients heard of it.</summary>
    public long Commits => Interlocked.Read(ref _commits);

    /// <summary>Tokens that they moved.</summary>
    public long Moved => Interlocked.Read(ref _moved);

    /// <summary>Times that a mover lost its connection or channel.</summary>
    public long Failures => Interlocked.Read(ref _failures);

    /// <summary>Declares the queues and puts all tokens into the first.</summary>
    public async Task FillAsync()
    {
        await using var connection = await clients[0]().CreateConnectionAsync();
        await using var channel = await connection.CreateChannelAsync(new CreateChannelOptions(publisherConfirmationsEnabled: true, publisherConfirmationTrackingEnabled: true));
        foreach (var queue in queues)
        {
            await channel.QueueDeclareAsync(queue, durable: true, exclusive: false, autoDelete: false);
        }

        for (var token = 0; token < tokens; token++)
        {
            await channel.BasicPublishAsync("", queues[0], mandatory: true, new BasicProperties { Persistent = true }, Encoding.UTF8.GetBytes(token.ToString(CultureInfo.InvariantCulture)));
        }
    }

    public void Start()
    {
        _stop = new CancellationTokenSource();
        for (var i = 0; i < movers; i++)
        {
            var mover = i;
            var round = _running.Count;
            _running.Add(Task.Run(() => MoveAsync(mover, new Random(HashCode.Combine(seed, mover, round)), _stop.Token)));
        }
    }

    /// <summary>Completes when so many more transactions are committed; fails when that takes too long.</summary>
    public async Task WaitForCommitsAsync(int more)
    {
        using var limit = new CancellationTokenSource(Limit);
        for (var enough = Commits + more; Commits < enough;)
        {
            if (limit.IsCancellationRequested)
            {
                throw new TimeoutException($"{enough - Commits} of {more} transactions were not committed within {Limit.TotalSeconds:0} s.");
            }

            await Task.Delay(5, CancellationToken.None);
        }
    }

    public async Task StopAsync()
    {
        await _stop.CancelAsync();
        await Task.WhenAll(_running);
        _running.Clear();
        _stop.Dispose();
    }

    /// <summary>Completes when as many tokens are ready as there are; fails when there are more, or for too long fewer.</summary>
    public async Task CheckSumAsync()
    {
        using var limit = new CancellationTokenSource(Limit);
        var counts = "";
        while (true)
        {
            try
            {
                await using var connection = await clients[0]().CreateConnectionAsync(limit.Token);
                await using var channel = await connection.CreateChannelAsync(cancellationToken: limit.Token);
                while (true)
                {
                    var sum = 0L;
                    var each = new List<long>();
                    foreach (var queue in queues)
                    {
                        each.Add((await channel.QueueDeclarePassiveAsync(queue, limit.Token)).MessageCount);
                    }

                    sum = each.Sum();
                    counts = string.Join(" + ", each);
                    if (sum == tokens)
                    {
                        return;
                    }

                    // With nobody moving, a sum cannot be too high for the time between two counts.
                    if (sum > tokens)
                    {
                        throw new InvalidOperationException($"There are {counts} tokens, more than {tokens}.");
                    }

                    await Task.Delay(50, limit.Token);
                }
            }
            catch (OperationCanceledException) when (limit.IsCancellationRequested)
            {
                throw new TimeoutException($"There are {counts} tokens, fewer than {tokens}, for {Limit}.");
            }
            catch (Exception exception) when (exception is not (InvalidOperationException or TimeoutException))
            {
                log($"counting: {exception.Message}");
                await Task.Delay(200, CancellationToken.None);
            }
        }
    }

    /// <summary>Takes all tokens out and looks whether each is there once.</summary>
    public async Task CheckTokensAsync()
    {
        var seen = new ConcurrentDictionary<string, int>();
        await using var connection = await clients[0]().CreateConnectionAsync();
        await using var channel = await connection.CreateChannelAsync();
        foreach (var queue in queues)
        {
            while (await channel.BasicGetAsync(queue, autoAck: true) is { } got)
            {
                seen.AddOrUpdate(Encoding.UTF8.GetString(got.Body.Span), 1, static (_, count) => count + 1);
            }
        }

        var twice = seen.Where(static token => token.Value > 1).Select(static token => token.Key).Order(StringComparer.Ordinal).ToArray();
        var lost = Enumerable.Range(0, tokens).Select(static token => token.ToString(CultureInfo.InvariantCulture)).Where(token => !seen.ContainsKey(token)).ToArray();
        if (twice.Length + lost.Length > 0)
        {
            throw new InvalidOperationException($"Twice: {string.Join(' ', twice)}; lost: {string.Join(' ', lost)}.");
        }
    }

    private async Task MoveAsync(int mover, Random random, CancellationToken stop)
    {
        while (!stop.IsCancellationRequested)
        {
            try
            {
                var factory = clients[random.Next(clients.Count)]();
                factory.AutomaticRecoveryEnabled = false;
                factory.ContinuationTimeout = TimeSpan.FromSeconds(40);
                await using var connection = await factory.CreateConnectionAsync(stop);
                await using var channel = await connection.CreateChannelAsync(cancellationToken: stop);
                await channel.TxSelectAsync(stop);
                await MoveAsync(channel, mover, random, stop);
            }
            catch (OperationCanceledException) when (stop.IsCancellationRequested)
            {
                return;
            }
            catch (Exception exception)
            {
                Interlocked.Increment(ref _failures);
                log($"mover {mover}: {exception.Message}");
                await Task.Delay(random.Next(20, 200), CancellationToken.None);
            }
        }
    }

    private async Task MoveAsync(IChannel channel, int mover, Random random, CancellationToken stop)
    {
        var from = mover % queues.Count;
        while (!stop.IsCancellationRequested)
        {
            var to = queues[(from + random.Next(1, queues.Count)) % queues.Count];
            var got = new List<BasicGetResult>();
            for (var wanted = random.Next(1, 4); got.Count < wanted && await channel.BasicGetAsync(queues[from], autoAck: false, stop) is { } message;)
            {
                got.Add(message);
            }

            if (got.Count == 0)
            {
                await Task.Delay(random.Next(1, 20), stop);
                continue;
            }

            await StepAsync(channel, got, to, random);
            if (random.Next(10) == 0)
            {
                await channel.TxRollbackAsync(CancellationToken.None);
                await StepAsync(channel, got, to, random);
            }

            await channel.TxCommitAsync(CancellationToken.None);
            Interlocked.Increment(ref _commits);
            Interlocked.Add(ref _moved, got.Count);
        }
    }

    private static async Task StepAsync(IChannel channel, List<BasicGetResult> got, string to, Random random)
    {
        foreach (var message in random.Next(2) == 0 ? got : Enumerable.Reverse(got))
        {
            await channel.BasicPublishAsync("", to, mandatory: true, new BasicProperties { Persistent = true }, message.Body);
            await channel.BasicAckAsync(message.DeliveryTag, multiple: false);
        }
    }
}
