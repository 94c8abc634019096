using System.Diagnostics;
using System.Globalization;
using System.Text;
using Npgsql;
using RabbitMQ.Client;
using RabbitMQ.Client.Events;

namespace Granary.Cluster.Tests.Chaos;

/// <summary>
/// Applications that move amounts between accounts in the cluster's database, and publish each transfer in the same transaction, by <c>granary.publish</c>. Whatever happens to
/// silos and database: each queue gets each transfer that was committed once, and those of one writer in order.
/// </summary>
internal sealed class OutboxLoad(LocalCluster cluster, int writers, int seed) : IAsyncDisposable
{
    private const int Accounts = 10, MostWaiting = 2_000;

    private static readonly string[] Queues = ["outbox-a", "outbox-b", "outbox-c", "outbox-d"];
    private static readonly TimeSpan Standstill = TimeSpan.FromMinutes(2);

    private readonly NpgsqlDataSource _database = NpgsqlDataSource.Create(cluster.Connection);
    private readonly List<Task> _running = [];
    private CancellationTokenSource _stop = new();
    private long _written;
    private long _failures;

    /// <summary>Transfers that were committed, as far as their writers heard of it.</summary>
    public long Written => Interlocked.Read(ref _written);

    /// <summary>Times that a writer was interrupted.</summary>
    public long Failures => Interlocked.Read(ref _failures);

    public async Task DeclareAsync()
    {
        await using (var connection = await cluster.ConnectAsync(1))
        {
            await using var channel = await connection.CreateChannelAsync();
            await channel.ExchangeDeclareAsync("transfers", ExchangeType.Fanout, durable: true);
            foreach (var queue in Queues)
            {
                await channel.QueueDeclareAsync(queue, durable: true, exclusive: false, autoDelete: false);
                await channel.QueueBindAsync(queue, "transfers", "");
            }
        }

        await ExecuteAsync("create table made (writer int, n int, source int, target int, amount int, primary key (writer, n))");
        await ExecuteAsync($"create table accounts as select id, 1000 as balance from generate_series(0, {Accounts - 1}) as id");
    }

    public void Start()
    {
        _stop = new CancellationTokenSource();
        for (var i = 0; i < writers; i++)
        {
            var writer = i;
            _running.Add(Task.Run(() => WriteAsync(writer, new Random(HashCode.Combine(seed, writer)), _stop.Token)));
        }
    }

    public async Task StopAsync()
    {
        await _stop.CancelAsync();
        await Task.WhenAll(_running);
        _running.Clear();
        _stop.Dispose();
    }

    /// <summary>Completes when so many transfers were committed.</summary>
    public Task WhenWrittenAsync(long wanted) => UntilAsync(() => Written, written => written >= wanted, "transfers were committed");

    /// <summary>Completes when nothing waits to be published.</summary>
    public Task WhenPublishedAsync() => UntilAsync(
        () => TryCountAsync("select (select count(*) from granary.outbox) + (select count(*) from granary.rows where kind like 'prepared %')"), waiting => waiting == 0, "messages wait");

    /// <summary>Takes all messages out and compares them with what was committed.</summary>
    public async Task CheckAsync()
    {
        await WhenPublishedAsync();
        var made = new Dictionary<int, List<string>>();
        await using (var command = _database.CreateCommand("select writer, n, source, target, amount from made order by writer, n"))
        await using (var rows = await command.ExecuteReaderAsync())
        {
            while (await rows.ReadAsync())
            {
                var writer = rows.GetInt32(0);
                made.TryAdd(writer, []);
                made[writer].Add(TextOf(writer, rows.GetInt32(1), rows.GetInt32(2), rows.GetInt32(3), rows.GetInt32(4)));
            }
        }

        var all = made.Values.Sum(static list => list.Count);
        var balances = await BalancesAsync();
        Assert.Equal(1000 * Accounts, balances.Sum());
        foreach (var queue in Queues)
        {
            var got = await ConsumeAsync(queue, all);
            foreach (var (writer, expected) in made)
            {
                string[] its = [.. got.Where(text => text.StartsWith($"{writer} ", StringComparison.Ordinal))];
                var differs = Enumerable.Range(0, Math.Max(its.Length, expected.Count)).FirstOrDefault(i => its.ElementAtOrDefault(i) != expected.ElementAtOrDefault(i), -1);
                Assert.True(
                    differs < 0,
                    $"{queue}, writer {writer}: {its.Length} instead of {expected.Count}; at {differs} there is '{string.Join(", ", its.Skip(differs - 2).Take(6))}' instead of '{string.Join(", ", expected.Skip(differs - 2).Take(6))}'; "
                    + $"{its.Length - its.Distinct(StringComparer.Ordinal).Count()} twice, {expected.Except(its, StringComparer.Ordinal).Count()} lost");
            }

            Assert.Equal(all, got.Count);
            Assert.Equal(balances, BalancesAfter(got));
        }
    }

    public async Task ExecuteAsync(string sql)
    {
        await using var command = _database.CreateCommand(sql);
        await command.ExecuteNonQueryAsync();
    }

    public async ValueTask DisposeAsync() => await _database.DisposeAsync();

    private static string TextOf(int writer, int n, int source, int target, int amount) => string.Create(CultureInfo.InvariantCulture, $"{writer} {n} {source} {target} {amount}");

    private static int[] BalancesAfter(List<string> transfers)
    {
        var balances = Enumerable.Repeat(1000, Accounts).ToArray();
        foreach (var transfer in transfers)
        {
            int[] parts = [.. transfer.Split(' ').Select(static part => int.Parse(part, CultureInfo.InvariantCulture))];
            balances[parts[2]] -= parts[4];
            balances[parts[3]] += parts[4];
        }

        return balances;
    }

    private static async Task UntilAsync(Func<ValueTask<long>> count, Func<long, bool> isSo, string what)
    {
        var (seen, since) = (long.MinValue, Stopwatch.GetTimestamp());
        while (await count() is var now && !isSo(now))
        {
            if (now != seen)
            {
                (seen, since) = (now, Stopwatch.GetTimestamp());
            }

            Assert.True(Stopwatch.GetElapsedTime(since) < Standstill, $"{seen} {what}, for {Standstill}");
            await Task.Delay(100);
        }
    }

    private static Task UntilAsync(Func<long> count, Func<long, bool> isSo, string what) => UntilAsync(() => ValueTask.FromResult(count()), isSo, what);

    private async Task WriteAsync(int writer, Random random, CancellationToken stop)
    {
        while (!stop.IsCancellationRequested)
        {
            try
            {
                await using var connection = await _database.OpenConnectionAsync(CancellationToken.None);
                var next = (int)await CountAsync(connection, $"select coalesce(max(n) + 1, 0) from made where writer = {writer}");
                for (var i = 1; !stop.IsCancellationRequested; i++)
                {
                    next = await TransferAsync(connection, writer, next, random);
                    while (i % 20 == 0 && !stop.IsCancellationRequested && await CountAsync(connection, $"select count(*) from (select from granary.outbox limit {MostWaiting + 1}) as some") > MostWaiting)
                    {
                        await Task.Delay(100, CancellationToken.None);
                    }
                }
            }
            catch (Exception exception) when (exception is NpgsqlException or IOException)
            {
                // The database is not there. Whether it took what was under way, the table says.
                Interlocked.Increment(ref _failures);
                await Task.Delay(random.Next(20, 200), CancellationToken.None);
            }
        }
    }

    /// <returns>The number that comes next.</returns>
    private async Task<int> TransferAsync(NpgsqlConnection connection, int writer, int next, Random random)
    {
        await using var transaction = await connection.BeginTransactionAsync();
        var (first, rollsBack) = (next, random.Next(10) == 0);

        // In the order of their numbers, so that no two wait for each other.
        var (low, high) = (random.Next(Accounts - 1), 0);
        high = random.Next(low + 1, Accounts);
        for (var left = random.Next(1, 6); left > 0; left--, next++)
        {
            var (source, target, amount) = random.Next(2) == 0 ? (low, high, random.Next(100)) : (high, low, random.Next(100));
            await using var command = new NpgsqlCommand(
                """
                with debit as (update accounts set balance = balance + case id when $3 then -$5 else $5 end where id in ($3, $4)),
                     noted as (insert into made values ($1, $2, $3, $4, $5))
                select granary.publish('transfers', '', format('%s %s %s %s %s', $1, $2, $3, $4, $5))
                """,
                connection,
                transaction);
            foreach (var value in new[] { writer, next, source, target, amount })
            {
                command.Parameters.Add(new NpgsqlParameter<int> { TypedValue = value });
            }

            await command.ExecuteNonQueryAsync();
        }

        if (rollsBack)
        {
            await transaction.RollbackAsync();
            return first;
        }

        await transaction.CommitAsync();
        Interlocked.Add(ref _written, next - first);
        return next;
    }

    private async Task<List<string>> ConsumeAsync(string queue, int expected)
    {
        await using var connection = await cluster.ConnectAsync(1);
        await using var channel = await connection.CreateChannelAsync();
        List<string> got = [];
        var consumer = new AsyncEventingBasicConsumer(channel);
        consumer.ReceivedAsync += (_, delivery) =>
        {
            lock (got)
            {
                got.Add(Encoding.UTF8.GetString(delivery.Body.Span));
            }

            return Task.CompletedTask;
        };
        var tag = await channel.BasicConsumeAsync(queue, autoAck: true, consumer);
        await UntilAsync(() => Count(got), count => count >= expected, $"of {expected} messages came from {queue}");

        // What is beyond it came before the answer.
        await channel.BasicCancelAsync(tag);
        Assert.Equal(0u, (await channel.QueueDeclarePassiveAsync(queue)).MessageCount);
        return got;
    }

    private static long Count(List<string> got)
    {
        lock (got)
        {
            return got.Count;
        }
    }

    private async Task<int[]> BalancesAsync()
    {
        await using var command = _database.CreateCommand("select balance from accounts order by id");
        await using var rows = await command.ExecuteReaderAsync();
        List<int> balances = [];
        while (await rows.ReadAsync())
        {
            balances.Add(rows.GetInt32(0));
        }

        return [.. balances];
    }

    private async ValueTask<long> TryCountAsync(string sql)
    {
        try
        {
            await using var connection = await _database.OpenConnectionAsync();
            return await CountAsync(connection, sql);
        }
        catch (NpgsqlException)
        {
            return -1;
        }
    }

    private static async Task<long> CountAsync(NpgsqlConnection connection, string sql)
    {
        await using var command = new NpgsqlCommand(sql, connection);
        return Convert.ToInt64(await command.ExecuteScalarAsync(), CultureInfo.InvariantCulture);
    }
}
