using System.Text;
using Granary.Core;
using Granary.Core.Alarms;
using Granary.Core.Grains;
using Granary.Core.Links;
using Granary.Core.Messages;
using Granary.Silo.Hosting;
using Granary.Silo.Outbox;
using Granary.Silo.Storage.Memory;
using Granary.Silo.Storage.Postgres;
using Granary.Silo.Tests.Queues;
using Granary.Testing.Postgres;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging.Abstractions;
using Microsoft.Extensions.Time.Testing;
using Npgsql;

namespace Granary.Silo.Tests.Outbox;

/// <summary>What is published from inside the database while one of its queues does not answer.</summary>
public sealed class OutboxPublisherTests
{
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(60);

    [Fact]
    public async Task Messages_OfAQueueThatDoesNotAnswer_WaitInTheirOrder_AndKeepNobodyElseWaiting()
    {
        var held = new HeldQueue("slow");
        await using var silo = await TestSilo.StartAsync(store: new MemoryStore(), more: builder => builder.Services.AddSingleton<IIncomingGrainCallFilter>(held));
        foreach (var name in new[] { "slow", "open" })
        {
            Assert.Null((await silo.Grains.Queue("/", name).DeclareAsync(TestGateway.Declaration(default, durable: true))).Error);
        }

        var connection = await (await PostgresServer.SharedAsync()).CreateDatabaseAsync();
        await Schema.PrepareAsync(new PostgresOptions(connection), connections: 4, CancellationToken.None);
        var clock = new FakeTimeProvider(DateTimeOffset.UtcNow);
        var waiting = new OutboxWaiting(clock);
        using var publisher = new OutboxPublisher(
            new StoreOptions(StoreKind.Postgres, Connection: connection), silo.Services, silo.Grains, silo.Services.GetRequiredService<IHostApplicationLifetime>(),
            new PublisherAlarms(), waiting, clock, NullLogger<OutboxPublisher>.Instance);

        held.Hold();
        await using var database = NpgsqlDataSource.Create(connection);
        await ExecuteAsync(database, "select granary.publish('', queue, message) from (values (1, 'slow', 'a'), (2, 'open', 'b'), (3, 'slow', 'c')) m (n, queue, message) order by n");
        await publisher.StartAsync(CancellationToken.None);

        // What goes to the other queue is published as soon as it is known that this one does not answer.
        await UntilAsync(clock, async () => (await silo.Grains.Queue("/", "open").DescribeAsync(default)).Messages == 1);
        Assert.Equal(2L, await ExecuteAsync(database, "select count(*) from granary.outbox where tries = 0"));

        // Those that wait are told without anybody being asked for it.
        await UntilAsync(clock, () => Task.FromResult(Told(waiting, "outbox_messages_waiting") == 2));
        Assert.InRange(Told(waiting, "outbox_oldest_age_seconds"), double.Epsilon, 3600);

        held.Release();
        await UntilAsync(clock, async () => (await silo.Grains.Queue("/", "slow").DescribeAsync(default)).Messages == 2);
        await UntilAsync(clock, () => Task.FromResult(Told(waiting, "outbox_messages_waiting") == 0));
        Assert.Equal(0, Told(waiting, "outbox_oldest_age_seconds"));
        await publisher.StopAsync(CancellationToken.None);
        Assert.Equal(["a", "c"], await TakeAsync(silo, "slow", 2));
    }

    private static double Told(OutboxWaiting waiting, string name) => waiting.Metrics.Single(metric => metric.Name == name).Value;

    private static async Task<string[]> TakeAsync(TestSilo silo, string queue, int count)
    {
        await using var link = await GrainLink.OpenAsync(silo.Grains, silo.Grains.Queue("/", queue), ConnectionId.New());
        List<string> bodies = [];
        for (var get = 1; bodies.Count < count; get++)
        {
            await link.SendAsync(new GetItem(get, NoAck: true));
            while (await link.Items.ReadAsync().AsTask().WaitAsync(Patience) is var item)
            {
                if (item is GotItem { Message: { } message })
                {
                    bodies.Add(Encoding.UTF8.GetString(new MessageRecord(message.Batch.Records.Span).Body));
                    break;
                }
            }
        }

        return [.. bodies];
    }

    private static async Task<object?> ExecuteAsync(NpgsqlDataSource database, string sql)
    {
        await using var command = database.CreateCommand(sql);
        return await command.ExecuteScalarAsync();
    }

    /// <summary>Time passes for who waits for the queue.</summary>
    private static async Task UntilAsync(FakeTimeProvider clock, Func<Task<bool>> isSo)
    {
        using var limit = new CancellationTokenSource(Patience);
        while (!await isSo())
        {
            clock.Advance(TimeSpan.FromSeconds(0.25));
            await Task.Delay(10, limit.Token);
        }
    }

    /// <summary>A queue that answers nobody who asks whether it can publish something.</summary>
    private sealed class HeldQueue(string name) : IIncomingGrainCallFilter
    {
        private volatile TaskCompletionSource _open = Opened();

        public void Hold() => _open = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);

        public void Release() => _open.TrySetResult();

        public async Task Invoke(IIncomingGrainCallContext context)
        {
            if (context is { InterfaceMethod.Name: nameof(IQueueGrain.PrepareAsync) } && context.TargetId.Key.ToString() == GrainKeys.For("/", name))
            {
                await _open.Task;
            }

            await context.Invoke();
        }

        private static TaskCompletionSource Opened()
        {
            var open = new TaskCompletionSource();
            open.SetResult();
            return open;
        }
    }
}
