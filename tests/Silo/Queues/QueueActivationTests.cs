using System.Text.Json;
using Granary.Core.Alarms;
using Granary.Core.Grains;
using Granary.Core.Links;
using Granary.Core.Routing;
using Granary.Core.Topology;
using Granary.Silo.Storage;
using Granary.Silo.Storage.Definitions;
using Granary.Silo.Tests.Storage;
using Microsoft.Extensions.DependencyInjection;

namespace Granary.Silo.Tests.Queues;

public sealed class QueueActivationTests
{
    [Fact]
    public async Task Name_WithoutAQueue_LeavesWhenItIsNotAskedForAnyMore()
    {
        var log = new EventLog();
        await using var silo = await TestSilo.StartAsync(log: log);
        for (var i = 0; i < 3; i++)
        {
            await silo.Grains.GetGrain<IQueueGrain>(GrainKeys.For("/", $"missing.{i}")).DescribeAsync(default);
        }

        Assert.Equal(["missing.0", "missing.1", "missing.2"], await log.TakeAsync(EventLog.Leaving, 3));
    }

    [Fact]
    public async Task Exchange_ThatIsGoneOrNeverWas_LeavesWhenNobodyNeedsIt()
    {
        var log = new EventLog();
        await using var silo = await TestSilo.StartAsync(log: log);
        await silo.Grains.GetGrain<IExchangeGrain>(GrainKeys.For("/", "never")).CheckAsync();
        var gone = silo.Grains.GetGrain<IExchangeGrain>(GrainKeys.For("/", "gone"));
        var stays = silo.Grains.GetGrain<IExchangeGrain>(GrainKeys.For("/", "stays"));
        var declaration = new ExchangeDeclaration(ExchangeTypes.Fanout, Durable: false, AutoDelete: false, Internal: false, default);
        await gone.DeclareAsync(declaration);
        await stays.DeclareAsync(declaration);
        await gone.DeleteAsync(ifUnused: false);

        Assert.Equal(["%2F/gone", "%2F/never"], await log.TakeAsync(EventLog.ExchangeLeaving, 2));
        Assert.Null(await stays.CheckAsync());
        Assert.Null(await gone.DeclareAsync(declaration));
    }

    [Fact]
    public async Task Queue_WithLinks_LeavesOnceItIsDeletedAndTheGatewayKnows()
    {
        var log = new EventLog();
        await using var silo = await TestSilo.StartAsync(log: log);
        var queue = silo.Grains.GetGrain<IQueueGrain>(GrainKeys.For("/", "gone"));
        await queue.DeclareAsync(TestGateway.Declaration(default));
        await using (var link = await GrainLink.OpenAsync(silo.Grains, queue, default))
        {
            await queue.DeleteAsync(default, ifUnused: false, ifEmpty: false);
            _ = await link.Items.ReadAllAsync().LastAsync().AsTask().WaitAsync(TimeSpan.FromSeconds(20));
            await link.SayLastAsync();
        }

        Assert.Equal(["gone"], await log.TakeAsync(EventLog.Leaving, 1));
    }

    [Fact]
    public async Task AutoDelete_WhileTheDefinitionIsBeingWritten_IsStoredInOneFlushWithTheMessages()
    {
        var store = new RecordingStore();
        var key = GrainKeys.For("/", "q");
        int stored;
        await using (var silo = await TestSilo.StartAsync(store: store))
        {
            var queue = silo.Grains.GetGrain<IQueueGrain>(key);
            await queue.DeclareAsync(TestGateway.Declaration(default, durable: true, autoDelete: true));
            await using var link = await GrainLink.OpenAsync(silo.Grains, queue, default);
            await link.SendAsync(
                new AttachItem(1, "t", false, false, 0, false, default, new Window(0, 0)), new PublishItem(Batches.Of(0, 1, persistent: true), Resent: false));
            await queue.AddBindingSourceAsync(default, "before");
            stored = store.AfterEachFlush.Count;

            silo.Watched.Expect(3301, 3302);
            store.IsOutOfReach = true;
            var added = queue.AddBindingSourceAsync(default, "while").AsTask();
            await UntilAsync(() => Task.FromResult(silo.Services.GetRequiredService<PublisherAlarms>().IsRaised));
            await link.SendAsync(new DetachItem(1));
            store.IsOutOfReach = false;
            await added;
            await UntilAsync(async () => await store.ReadRowAsync(new RowKey("queue", key), default) is null);
        }

        var definitions = 0;
        foreach (var crashed in store.AfterEachFlush.Skip(stored))
        {
            if (await crashed.ReadRowAsync(new RowKey("queue", key), default) is { } row
                && JsonSerializer.Deserialize(row.Value.Span, DefinitionsJson.Default.QueueState) is { Declaration: not null } state)
            {
                definitions++;
                Assert.Equal(1, (await crashed.TakeOverAsync(new QueueIdentity(key, state.Incarnation), 0, default)).Backlog.Count);
            }
        }

        Assert.True(definitions > 0);
    }

    private static async Task UntilAsync(Func<Task<bool>> isSo)
    {
        using var patience = new CancellationTokenSource(TimeSpan.FromSeconds(60));
        while (!await isSo())
        {
            await Task.Delay(10, patience.Token);
        }
    }
}
